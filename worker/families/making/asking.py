"""What is asked of a maker of pictures: which classes, and how what it made is handed over."""

from difflib import get_close_matches
from pathlib import PurePosixPath

import numpy as np

from shared.errors import RecipeFailed
from shared.outputs import Output
from worker.artifacts import Files
from worker.families.making.grid import numbered, shown_grid, zipped

_ABREAST, _MOST_SHOWN = 8, 200


def classes_asked_for(label: str, count: int, classes: list[str]) -> np.ndarray:
    """Numbers of the classes of pictures to be made, int (count,): all of one, or each in turn.

    Raises RecipeFailed for one there is not, with the nearest.
    """
    if not label.strip():
        return np.arange(count) % max(len(classes), 1)
    if not classes:
        message = f"label {label!r:.80}: the model learnt from pictures without classes; leave the label out"
        raise RecipeFailed(message, code="no_such_class")
    known = {name.casefold(): number for number, name in enumerate(classes)}
    number = classes.index(label) if label in classes else known.get(label.strip().casefold())
    if number is None:
        near = get_close_matches(label.strip(), classes, 1)
        there = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(classes[:20])}"
        raise RecipeFailed(f"the model has no class {label!r:.80}; {there}", code="no_such_class")
    return np.full(count, number)


def made_outputs(
    pictures: np.ndarray, of: np.ndarray, label: str, classes: list[str], seed: int, files: Files
) -> list[Output]:
    """A grid, and a zip that is a dataset again: in class folders where there are classes."""
    count = len(pictures)
    title = (
        f"{count:,} picture{'' if count == 1 else 's'}{f' of {label.strip()}' if label.strip() else ''}, seed {seed}"
    )
    if count > _MOST_SHOWN:
        title += f"; the first {_MOST_SHOWN} shown"
    abreast = len(classes) if not label.strip() and _ABREAST < len(classes) <= 2 * _ABREAST else _ABREAST
    named = [
        (f"{_folder(classes[number])}/{name}" if classes else name, picture)
        for (name, picture), number in zip(numbered(pictures), of.tolist(), strict=True)
    ]
    return [shown_grid(title, "samples.png", pictures[:_MOST_SHOWN], abreast, files), zipped(named, files)]


def _folder(name: str) -> str:
    """A class's name as one folder of a zip."""
    return PurePosixPath(name.replace("/", "_").replace("\\", "_")).name or "_"
