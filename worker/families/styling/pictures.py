"""Pictures brought to sizes that can be stylised, and back; and pictures whose style is taken."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from shared.errors import RecipeFailed
from worker.context import Context
from worker.families.images.uploads import uploaded_pictures
from worker.families.restoring.pictures import pixels_of, scaled

LEAST_SIDE = 32  # pixels of what a network is given
_TIMES = 4  # what its sides must be a multiple of
_LEAST_SPREAD = 1.0  # grey levels: below it a picture has one colour


def sized(image: Image.Image, longest: int) -> np.ndarray:
    """An upright picture as uint8 (height, width, 3), made smaller where a side is longer than `longest`."""
    return pixels_of(image, 3, scaled(image.size, longest))


def stylised(picture: np.ndarray, by: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What `by` makes of a picture uint8 (height, width, 3) of any size, as large as it.

    by: is given one whose sides are LEAST_SIDE at least and a multiple of 4: what is missing is mirrored, and cut off again.
    """
    sides = picture.shape[:2]
    room = [max(-(-side // _TIMES) * _TIMES, LEAST_SIDE) - side for side in sides]
    around = [(before := more // 2, more - before) for more in room]
    wide = np.pad(picture, (*around, (0, 0)), mode="symmetric")
    (top, _), (left, _) = around
    return by(wide)[top : top + sides[0], left : left + sides[1]]


def style_pictures(ids: Sequence[str], longest: int, context: Context) -> list[np.ndarray]:
    """Uploaded pictures of styles, uint8 (height, width, 3), sides LEAST_SIDE at least.

    Raises RecipeFailed naming all that cannot be read or have no style, InputMissing.
    """
    found, plain = list[np.ndarray](), list[str]()
    for one in uploaded_pictures(ids, None, context):
        picture = sized(one.open(), longest)
        if picture.reshape(-1, 3).std(0).max() < _LEAST_SPREAD:
            plain.append(f"{one.name}: has one colour only, and no style that could be taken")
        more = [max(LEAST_SIDE - side, 0) for side in picture.shape[:2]]
        found.append(np.pad(picture, ((0, more[0]), (0, more[1]), (0, 0)), mode="symmetric"))
    if plain:
        raise RecipeFailed("; ".join(plain), code="no_style")
    return found
