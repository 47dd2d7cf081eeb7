"""Colours of one picture given to another: kept where brightness alone is stylised, or taken over without any network."""

from collections.abc import Sequence

import numpy as np

# Brightness and two differences of colour, JPEG's YCbCr without its offsets. Source: ITU-R BT.601, JFIF 1.02.
_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
# To the cones' answers and, of their logarithms, to axes that are independent in natural pictures. Source: Reinhard et al. 2001.
_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
_AXES = np.diag([3**-0.5, 6**-0.5, 2**-0.5]) @ np.array([[1.0, 1, 1], [1, 1, -2], [1, -1, 0]])


def whole(values: np.ndarray) -> np.ndarray:
    """uint8 of values about 0..255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def in_own_colours(stylised: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The brightness of the one in the colours of the other, uint8 (height, width, 3).

    Source: Gatys et al. 2016, Preserving Color in Neural Artistic Style Transfer, arXiv:1606.05897.
    """
    found = given.astype(np.float64) @ _YCC.T
    found[..., 0] = stylised.astype(np.float64) @ _YCC[0]
    return whole(found @ np.linalg.inv(_YCC).T)


def finished(stylised: np.ndarray, given: np.ndarray, *, keep_colour: bool, strength: float) -> np.ndarray:
    """What is handed out: in the picture's own colours if it is to keep them, and mixed with it. uint8 (height, width, 3) all."""
    found = in_own_colours(stylised, given) if keep_colour else stylised
    return found if strength == 1 else whole(strength * found.astype(np.float64) + (1 - strength) * given)


def colours_transferred(picture: np.ndarray, styles: Sequence[np.ndarray]) -> np.ndarray:
    """A picture with the mean and spread of the styles' colours, uint8 (height, width, 3).

    Source: Reinhard et al. 2001, Color Transfer between Images.
    """
    own, wanted = _axes_of(picture), np.concatenate([_axes_of(style) for style in styles])
    spread = np.maximum(own.std(0), 1e-6)
    moved = (own - own.mean(0)) / spread * wanted.std(0) + wanted.mean(0)
    linear = 10 ** (moved @ np.linalg.inv(_AXES).T)
    return whole(linear @ np.linalg.inv(_LMS).T - 1).reshape(picture.shape)


def _axes_of(picture: np.ndarray) -> np.ndarray:
    """float64 (pixels, 3)."""
    cones = (picture.reshape(-1, 3).astype(np.float64) + 1) @ _LMS.T
    return np.log10(np.maximum(cones, 1e-3)) @ _AXES.T
