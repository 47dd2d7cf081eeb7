"""Simple answers beside a restorer: interpolation, a median filter, holes filled from their edges, a linear filter."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from worker.context import Context
from worker.families.images.baselines import spread
from worker.families.restoring.data import MEASURED_SIDE, RestoringData
from worker.families.restoring.measuring import compared
from worker.recipe import Baseline

JUDGED = 100  # pictures compared on, so that time is bounded
BICUBIC = "bicubic interpolation (Pillow)"
_LEARNT, _LEARNT_SIDE = 50, 192  # training pictures a linear filter is fitted to, and pixels of each
_TAPS = 5  # pixels of its side
Answer = Callable[[np.ndarray], np.ndarray]


def compared_on(data: RestoringData) -> tuple[str, np.ndarray]:
    """The part that models are compared on, numbers of its pictures, at most JUDGED; ("", none) where all were learnt from."""
    part = next((part for part in ("test", "val") if len(data.places[part])), "")
    places = data.places.get(part, np.empty(0, np.int64))
    return part, places[spread(len(places), JUDGED)] if part else places


def measured(data: RestoringData, number: int, answer: Answer) -> tuple[float, float | None]:
    """(PSNR, SSIM) of what is said for a picture. Of holes PSNR counts within them alone. answer: uint8 given to uint8 wanted."""
    given, wanted = data.middle(number, MEASURED_SIDE)
    border = data.scale if data.scale > 1 else 0
    hole = wanted[..., -1] > 0 if data.task == "inpaint" else None
    return compared(wanted[..., :-1], answer(given), border=border, hole=hole)


def figures_of(part: str, found: list[tuple[float, float | None]]) -> dict[str, float]:
    """Means over pictures, by the names of metrics."""
    figures = {f"{part}_psnr_y": float(np.mean([one for one, _ in found]))}
    if alike := [one for _, one in found if one is not None]:
        figures[f"{part}_ssim_y"] = float(np.mean(alike))
    return figures


def restoring_baselines(data: RestoringData, context: Context) -> list[Baseline]:
    """Measure all on the part that is compared on. Predictions: PSNR, float (pictures,)."""
    part, judged = compared_on(data)
    if not part:
        return []
    answers = simple_answers(data, context)
    found: dict[str, list[tuple[float, float | None]]] = {name: [] for name in answers}
    for at, number in enumerate(judged.tolist()):
        for name, answer in answers.items():
            context.look(at, len(judged))
            found[name].append(measured(data, number, answer))
    return [
        Baseline(name, figures_of(part, both), np.array([value for value, _ in both])) for name, both in found.items()
    ]


def as_given(data: RestoringData) -> tuple[str, Answer]:
    """What the picture is without any model, as a person has it: enlarged where it is too small."""
    if data.task == "inpaint":
        return "the mean colour", mean_colour
    if data.scale > 1:
        return BICUBIC, enlarged(data.scale, Image.Resampling.BICUBIC)
    return "the picture as it is given", lambda given: given


def simple_answers(data: RestoringData, context: Context) -> dict[str, Answer]:
    """By name, of the data's task; the simplest first."""
    scale, (name, given) = data.scale, as_given(data)
    if data.task == "inpaint":
        return {name: given, "the mean of the neighbours, from the edge inwards": from_the_edge}
    if data.task == "denoise":
        return {name: given} | {f"a median filter, {n}x{n} pixels": median(n) for n in (3, 5)}
    if data.task == "super_resolution":
        return {
            "every pixel repeated": enlarged(scale, Image.Resampling.NEAREST),
            name: given,
            "Lanczos interpolation (Pillow)": enlarged(scale, Image.Resampling.LANCZOS),
        }
    return {name: given, f"a linear filter, {_TAPS}x{_TAPS} pixels, fitted to the pairs": linear(data, given, context)}


def _each(given: np.ndarray, make: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    made = make(Image.fromarray(given[..., 0] if given.shape[-1] == 1 else given))
    return np.asarray(made, np.uint8).reshape(made.height, made.width, given.shape[-1])


def enlarged(scale: int, how: Image.Resampling) -> Answer:
    return lambda given: _each(given, lambda one: one.resize((one.width * scale, one.height * scale), how))


def median(side: int) -> Answer:
    return lambda given: _each(given, lambda one: one.filter(ImageFilter.MedianFilter(side)))


def mean_colour(given: np.ndarray) -> np.ndarray:
    """given: uint8 (height, width, channels + 1), the last 255 where it is missing."""
    known = given[..., -1] == 0
    colour = given[known][:, :-1].mean(0) if known.any() else np.full(given.shape[-1] - 1, 128.0)
    return np.where(known[..., None], given[..., :-1], np.rint(colour)).astype(np.uint8)


def from_the_edge(given: np.ndarray) -> np.ndarray:
    """Fill a hole ring by ring, each pixel with the mean of those of its eight neighbours that are known. As mean_colour()."""
    known, values = given[..., -1] == 0, given[..., :-1].astype(np.float64)
    if not known.any():
        return mean_colour(given)
    values[~known] = 0
    while not known.all():
        count, total = _around(known[..., None].astype(np.float64)), _around(values)
        ring = ~known & (count[..., 0] > 0)
        values[ring] = total[ring] / count[ring]
        known = known | ring
    return np.rint(values).astype(np.uint8)


def _around(values: np.ndarray) -> np.ndarray:
    """Sums of the eight neighbours and the pixel itself."""
    height, width = values.shape[:2]
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    down = padded[:-2] + padded[1:-1] + padded[2:]
    return (down[:, :-2] + down[:, 1:-1] + down[:, 2:])[:height, :width]


def linear(data: RestoringData, given: Answer, context: Context) -> Answer:
    """The weights of a pixel's surroundings that are best for all colours of the training pairs alike (least squares)."""
    places = data.places["train"]
    learnt = places[spread(len(places), _LEARNT)]
    squares, right = np.zeros((_TAPS**2 + 1, _TAPS**2 + 1)), np.zeros(_TAPS**2 + 1)
    for at, number in enumerate(learnt.tolist()):
        context.look(at, 2 * len(learnt))
        x, y = data.middle(number, _LEARNT_SIDE)
        rows = _surroundings(given(x))
        squares += rows.T @ rows
        right += rows.T @ y[..., :-1].reshape(-1).astype(np.float64)
    weights = np.linalg.lstsq(squares, right, rcond=None)[0]

    def answer(picture: np.ndarray) -> np.ndarray:
        enlarged = given(picture)
        said = (_surroundings(enlarged) @ weights).reshape(enlarged.shape)
        return np.clip(np.rint(said), 0, 255).astype(np.uint8)

    return answer


def _surroundings(picture: np.ndarray) -> np.ndarray:
    """float64 (height * width * channels, 26): of each value those around it, and 1."""
    half, (height, width) = _TAPS // 2, picture.shape[:2]
    padded = np.pad(picture.astype(np.float64), ((half, half), (half, half), (0, 0)), mode="edge")
    shifted = [padded[i : i + height, j : j + width].reshape(-1) for i in range(_TAPS) for j in range(_TAPS)]
    return np.stack([*shifted, np.ones(picture.size)], 1)
