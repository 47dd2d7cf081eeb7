"""Draws pictures with what a classifier says of them. Pillow only."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE = 112  # pixels of one picture in a grid
BESIDE, _GAP = 160, 6  # pixels: the height of pictures side by side, and what is between two
MAP_SIDE = 336  # pixels of a class-activation map's picture


def png_bytes(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def picture_png(pixels: np.ndarray) -> bytes:
    """uint8 (height, width, 1 or 3) as PNG."""
    return png_bytes(_image(pixels))


def drawable(name: str, index: int) -> str:
    """Return a class name if Pillow's own font can draw it, else its number as "#3"."""
    return name if name.isascii() else f"#{index}"


def legend_of(classes: Sequence[str], drawn: set[int]) -> list[tuple[str, str]]:
    """What the numbers mean that stand for names Pillow's font cannot draw. drawn: classes that stand in a picture."""
    return [(drawable(classes[i], i), classes[i]) for i in sorted(drawn) if not classes[i].isascii()]


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _shown(pixels: np.ndarray, side: int) -> Image.Image:
    """A picture (height, width, 1 or 3) as RGB of about the given side, its pixels kept sharp when small."""
    image = _image(pixels).convert("RGB")
    share = side / max(image.size)
    small = max(image.size) * 2 <= side
    new_size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image.resize(new_size, Image.Resampling.NEAREST if small else Image.Resampling.BILINEAR)


def beside(pictures: Sequence[np.ndarray]) -> bytes:
    """PNG of pictures uint8 (height, width, 1 or 3) side by side, each BESIDE pixels high."""
    drawn = []
    for pixels in pictures:
        image = _image(pixels).convert("RGB")
        width = max(1, round(image.width * BESIDE / image.height))
        drawn.append(image.resize((width, BESIDE), Image.Resampling.BICUBIC))
    whole = Image.new("RGB", (sum(one.width for one in drawn) + _GAP * (len(drawn) - 1), BESIDE), "white")
    at = 0
    for one in drawn:
        whole.paste(one, (at, 0))
        at += one.width + _GAP
    return png_bytes(whole)


def sought_and_found(sought: np.ndarray, found: Sequence[np.ndarray], right: Sequence[bool]) -> bytes:
    """PNG of a picture that was looked for, framed, and of those that came first, three abreast, the right one framed as well.

    Pictures uint8 (height, width, 1 or 3).
    """
    whole = Image.new("RGB", (3 * (TILE + 12), -(-(1 + len(found)) // 3) * (TILE + 12)), "white")
    draw = ImageDraw.Draw(whole)
    for number, (pixels, framed) in enumerate(zip([sought, *found], [True, *right], strict=True)):
        x, y = 6 + number % 3 * (TILE + 12), 6 + number // 3 * (TILE + 12)
        shown = _shown(pixels, TILE)
        whole.paste(shown, (x + (TILE - shown.width) // 2, y + (TILE - shown.height) // 2))
        if framed:
            draw.rectangle((x - 5, y - 5, x + TILE + 4, y + TILE + 4), outline=_ink(True), width=3)
    return png_bytes(whole)


def prediction_grid(
    pictures: Sequence[np.ndarray], true: Sequence[int], probabilities: np.ndarray, classes: Sequence[str]
) -> bytes:
    """Draw pictures four abreast with the predicted label below, green when right, red with the true one when wrong.

    probabilities: (n, classes). Returns a PNG.
    """
    font = ImageFont.load_default(12)
    columns = min(4, len(pictures))
    rows = -(-len(pictures) // columns)
    grid = Image.new("RGB", (columns * (TILE + 8) + 8, rows * (TILE + 40) + 8), "white")
    draw = ImageDraw.Draw(grid)
    for i, (pixels, label) in enumerate(zip(pictures, true, strict=True)):
        x, y = 8 + i % columns * (TILE + 8), 8 + i // columns * (TILE + 40)
        grid.paste(_shown(pixels, TILE), (x, y))
        said = int(probabilities[i].argmax())
        share = f"{100 * probabilities[i, said]:.0f} %"
        draw.text((x, y + TILE + 2), f"{drawable(classes[said], said)[:11]} {share}", _ink(said == label), font)
        if said != label:
            draw.text((x, y + TILE + 16), f"is {drawable(classes[label], label)[:14]}", "black", font)
    return png_bytes(grid)


def captioned_grid(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> bytes:
    """Draw pictures, uint8 (height, width, 1 or 3), four abreast with a few words below each. Returns a PNG."""
    font = ImageFont.load_default(12)
    columns = min(4, len(pictures))
    rows = -(-len(pictures) // columns)
    grid = Image.new("RGB", (columns * (TILE + 8) + 8, rows * (TILE + 24) + 8), "white")
    draw = ImageDraw.Draw(grid)
    for i, (pixels, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = 8 + i % columns * (TILE + 8), 8 + i // columns * (TILE + 24)
        grid.paste(_shown(pixels, TILE), (x, y))
        draw.text((x, y + TILE + 2), caption[:16], "black", font)
    return png_bytes(grid)


def _ink(right: bool) -> str:
    return "#14692e" if right else "#b22222"


def activation_map(pixels: np.ndarray, activation: np.ndarray) -> bytes:
    """Draw a picture beside itself with warm colours where it spoke for the label.

    pixels: uint8 (height, width, 1 or 3). activation: float (h, w), any scale; below zero counts as nothing.
    """
    base = _shown(pixels, MAP_SIDE)
    positive = np.maximum(activation, 0)
    strength = positive / max(float(positive.max()), 1e-9)
    heat = Image.fromarray((strength * 255).astype(np.uint8)).resize(base.size, Image.Resampling.BICUBIC)
    share = np.asarray(heat, dtype=np.float32)[..., None] / 255
    warm = np.concatenate([np.full_like(share, 255), 255 * (1 - share), np.zeros_like(share)], axis=-1)
    mixed = np.asarray(base, dtype=np.float32) * (1 - 0.6 * share) + warm * 0.6 * share
    both = Image.new("RGB", (base.width * 2 + 8, base.height), "white")
    both.paste(base, (0, 0))
    both.paste(Image.fromarray(mixed.astype(np.uint8)), (base.width + 8, 0))
    return png_bytes(both)
