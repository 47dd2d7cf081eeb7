"""How near a picture is to the one it should be: PSNR and SSIM of its brightness, as papers of the field report them."""

import math

import numpy as np

from worker.families.restoring.losses import MOST_DB
from worker.verdict import Judge

_WINDOW, _SPREAD = 11, 1.5  # pixels of SSIM's window and its standard deviation
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def luma(pixels: np.ndarray) -> np.ndarray:
    """Brightness Y of ITU-R BT.601, 16 to 235, float64 (height, width); grey pictures as they are.

    pixels: 0..255 (height, width, 1 or 3). Source: ITU-R BT.601-7; what MATLAB's rgb2ycbcr does, without its rounding.
    """
    values = pixels.astype(np.float64)
    if pixels.shape[-1] == 1:
        return values[..., 0]
    return 16 + values @ np.array([65.481, 128.553, 24.966]) / 255


def psnr(truth: np.ndarray, said: np.ndarray, counts: np.ndarray | None = None) -> float:
    """Peak signal to noise ratio in dB, 10 lg (255² / mean squared difference), at most MOST_DB.

    truth, said: 0..255, of one shape. counts: bool, which pixels count; None: all.
    """
    difference = truth.astype(np.float64) - said
    if counts is not None:
        difference = difference[counts]
    mean = float(np.mean(difference**2)) if difference.size else 0.0
    return MOST_DB if mean == 0 else min(MOST_DB, 10 * math.log10(255**2 / mean))


def ssim(truth: np.ndarray, said: np.ndarray) -> float | None:
    """Structural similarity, 1 for equal pictures; None for those smaller than its window of 11 pixels.

    truth, said: 0..255 (height, width). Mean over all places of a Gaussian window that lies within the picture.
    Source: Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity.
    """
    if min(truth.shape) < _WINDOW:
        return None
    x, y = truth.astype(np.float64), said.astype(np.float64)
    mean_x, mean_y = _blurred(x), _blurred(y)
    spread_x, spread_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    both = _blurred(x * y) - mean_x * mean_y
    alike = (2 * mean_x * mean_y + _C1) * (2 * both + _C2)
    return float(np.mean(alike / ((mean_x**2 + mean_y**2 + _C1) * (spread_x + spread_y + _C2))))


def _blurred(values: np.ndarray) -> np.ndarray:
    """Weighted means over SSIM's window, (height - 10, width - 10)."""
    at = np.arange(_WINDOW) - _WINDOW // 2
    weights = np.exp(-(at**2) / (2 * _SPREAD**2))
    weights /= weights.sum()
    height, width = (side - _WINDOW + 1 for side in values.shape)
    down = sum(weight * values[i : i + height] for i, weight in enumerate(weights))
    return sum(weight * down[:, i : i + width] for i, weight in enumerate(weights))  # pyright: ignore


def compared(
    truth: np.ndarray, said: np.ndarray, *, border: int = 0, hole: np.ndarray | None = None
) -> tuple[float, float | None]:
    """(PSNR, SSIM) of two pictures uint8 (height, width, channels) by their brightness.

    border: pixels at each edge that do not count, by custom as many as the picture was made larger. hole: PSNR counts there alone.
    """
    inner = slice(border, -border or None)
    if min(truth.shape[:2]) <= 2 * border:
        inner = slice(None)
    x, y = (luma(picture)[inner, inner] for picture in (truth, said))
    return psnr(x, y, None if hole is None else hole[inner, inner]), ssim(x, y)


def psnr_judge() -> Judge:
    """Compares by the mean PSNR over pictures. Predictions: float (pictures,)."""
    return Judge("dB of PSNR", "max", lambda values, rows: float(values[rows].mean()))
