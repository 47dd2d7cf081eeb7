"""Reads masks, whatever their pixels are (numbers, palettes, colours), and writes them in one form. Pillow alone, no arrays."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops

from shared.datasets.pairs.storing import NOTHING, MaskKind
from shared.datasets.pictures.decoding import Unreadable, extremes, opened_picture

_MOST_COLOURS = 64  # of all masks together; a drawing has fewer, a photograph or a JPEG thousands
_MOST_GREYS = 64  # numbers without a legend, where they reach 255: smoothed edges have more
_TRIES = 20_000  # for tables that tell all colours apart; the first does nearly always
# Colours for classes that come as numbers: far apart, and readable on light and dark (Okabe, Ito 2008, continued by hand).
COLOURS = [
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#f0e442",
    "#999999",
    "#332288",
    "#88ccee",
    "#44aa99",
    "#117733",
    "#999933",
    "#ddcc77",
    "#cc6677",
    "#882255",
    "#aa4499",
    "#661100",
    "#6699cc",
    "#aa4466",
]


@dataclass(frozen=True)
class Values:
    """What stands in one mask. numbers: its pixel values, where they are numbers. colours: "#rrggbb" by number of a palette, or of
    all pixels. size: in pixels.
    """

    size: tuple[int, int]
    numbers: frozenset[int] | None
    colours: Mapping[int, str] | frozenset[str]


def values_of(path: Path) -> Values:
    """Look at a mask. Raises Unreadable, also for a picture that is no mask."""
    with opened_picture(path) as image:
        image.load()
        if image.mode in ("1", "L", "P", "LA", "PA"):
            band = _numbers(image)
            used = frozenset(value for value, count in enumerate(band.histogram()) if count)
            if image.mode not in ("P", "PA"):
                return Values(image.size, used, {})
            palette = (image.getpalette("RGB") or []) + [0] * 768
            colours = {value: _hex(tuple(palette[3 * value : 3 * value + 3])) for value in used}
            return Values(image.size, used, colours)
        if image.mode == "I" or image.mode.startswith("I;16"):
            if extremes(image)[1] > 255:
                raise Unreadable(
                    "has numbers above 255: is every thing numbered by itself? A mask has one number a class"
                )
            counts = image.convert("I").convert("L").histogram()
            return Values(image.size, frozenset(value for value, count in enumerate(counts) if count), {})
        found = image.convert("RGB").getcolors(_MOST_COLOURS)
        if found is None:
            jpeg = ", which JPEG makes of few: save masks as PNG" if image.format == "JPEG" else ""
            raise Unreadable(f"has more than {_MOST_COLOURS} colours{jpeg}; a mask has one colour for each class")
        return Values(image.size, None, frozenset(_hex(colour) for _, colour in found))


def _numbers(image: Image.Image) -> Image.Image:
    """The band of numbers of a grey picture or one with a palette, mode "L"."""
    if image.mode in ("LA", "PA"):
        return image.getchannel(0)
    return Image.frombytes("L", image.size, image.tobytes()) if image.mode == "P" else image.convert("L")


def _hex(colour: object) -> str:
    red, green, blue = colour  # pyright: ignore[reportGeneralTypeIssues]  (of three bytes)
    return f"#{red:02x}{green:02x}{blue:02x}"


class Reading:
    """How the masks of one upload are read: by number or by colour, and which class each value is.

    classes: in the order of their values. nothing: values that mean no class. unknown: values that the legend has not, by mask.
    """

    def __init__(self, masks: Mapping[str, Values], legend: Mapping[str, str]):
        self.by_number = all(one.numbers is not None for one in masks.values()) and _palettes_agree(masks.values())
        used = {value for one in masks.values() for value in self._said(one)}
        by_colour = bool(legend) and all(value.startswith("#") for value in legend)
        if (
            self.by_number and by_colour and all(one.colours for one in masks.values())
        ):  # a legend of a palette's colours
            self.by_number, used = False, {value for one in masks.values() for value in _colours(one)}
        named = {value: name for value, name in legend.items() if value.startswith("#") != self.by_number}
        void = self.by_number and str(NOTHING) in used and str(NOTHING) not in named and len(used) > 2
        self.nothing = {str(NOTHING)} if void else set()
        wanted = set(named) | {value for value in used if not named} - self.nothing
        self.order = sorted(wanted, key=lambda value: (len(value), value))
        strange = {name: sorted(self._said(one) - wanted - self.nothing) for name, one in masks.items()}
        self.unknown = {name: values for name, values in strange.items() if values}
        self.legend_used = bool(named)
        self._used, self._largest = len(used), max((int(value) for value in used if value.isdecimal()), default=0)
        shown = {
            str(n): c for one in masks.values() if isinstance(one.colours, Mapping) for n, c in one.colours.items()
        }
        self.classes = [
            MaskKind(self._name(value, named), value, self._colour(at, value, shown))
            for at, value in enumerate(self.order)
        ]

    def _said(self, mask: Values) -> set[str]:
        return {str(number) for number in mask.numbers or ()} if self.by_number else _colours(mask)

    def _name(self, value: str, named: Mapping[str, str]) -> str:
        if not named and self.order == ["0", "255"]:
            return "background" if value == "0" else "foreground"
        return named.get(value, value)

    def _colour(self, at: int, value: str, shown: Mapping[str, str]) -> str:
        if value.startswith("#"):
            return value
        plain = len(set(shown.values())) < len(shown) or not shown
        return COLOURS[at % len(COLOURS)] if plain else shown.get(value, COLOURS[at % len(COLOURS)])

    def problem(self) -> str | None:
        """What is wrong with all masks together."""
        if len(self.order) > NOTHING:
            return f"the masks have {len(self.order)} different values; {NOTHING} classes are the most"
        if not self.by_number and len(self.order) > _MOST_COLOURS:
            return f"the masks have {len(self.order)} colours; {_MOST_COLOURS} are the most"
        if self.by_number and not self.legend_used and self._used > _MOST_GREYS and self._largest == NOTHING:
            return f"the masks have {self._used} grey values up to 255: were their edges smoothed? A class is one value"
        return None

    def writer(self) -> "Writer":
        return Writer(self)


def _colours(mask: Values) -> set[str]:
    if isinstance(mask.colours, frozenset):
        return set(mask.colours)
    return set(mask.colours.values()) or {_hex((number,) * 3) for number in mask.numbers or ()}


def _palettes_agree(masks: Iterable[Values]) -> bool:
    """True where a number has one colour in all palettes: else programs have numbered colours anew in each mask."""
    seen: dict[int, str] = {}
    for mask in masks:
        if isinstance(mask.colours, Mapping):
            for number, colour in mask.colours.items():
                if seen.setdefault(number, colour) != colour:
                    return False
    return True


def palette_of(classes: Sequence[MaskKind]) -> list[int]:
    """Red, green and blue of each class, one after the other."""
    return [int(kind.colour[at : at + 2], 16) for kind in classes for at in (1, 3, 5)]


def save_mask(placed: Image.Image, palette: list[int], target: Path) -> None:
    """Write places of classes, mode "L", in the one form (storing.py)."""
    mask = Image.frombytes("P", placed.size, placed.tobytes())
    mask.putpalette(palette + [0] * (768 - len(palette)))
    mask.save(target, "PNG", transparency=NOTHING)


class Writer:
    """Writes masks in the one form (storing.py)."""

    def __init__(self, reading: Reading):
        self._by_number = reading.by_number
        places = {value: at for at, value in enumerate(reading.order)}
        self._palette = palette_of(reading.classes)
        if self._by_number:
            self._final = [places.get(str(value), NOTHING) for value in range(256)]
        else:
            colours = [tuple(int(value[at : at + 2], 16) for at in (1, 3, 5)) for value in reading.order]
            self._tables, self._final = _telling_apart(colours)
            self._known = set(reading.order)

    def write(self, source: Path, target: Path, turn: Image.Transpose | None = None) -> None:
        """Raises Unreadable."""
        with opened_picture(source) as image:
            image.load()
            if self._by_number:
                deep = image.mode == "I" or image.mode.startswith("I;16")
                band = image.convert("I").convert("L") if deep else _numbers(image)
                placed = band.point(self._final)
            else:
                placed = self._by_colour(image.convert("RGB"))
        if turn is not None:
            placed = placed.transpose(turn)
        save_mask(placed, self._palette, target)

    def _by_colour(self, image: Image.Image) -> Image.Image:
        bands = [band.point(table) for band, table in zip(image.split(), self._tables, strict=True)]
        summed = ImageChops.add_modulo(ImageChops.add_modulo(bands[0], bands[1]), bands[2])
        placed = summed.point(self._final)
        for _, colour in image.getcolors(_MOST_COLOURS) or []:
            if (shown := _hex(colour)) not in self._known:  # may share its sum with a class
                sides = [int(shown[at : at + 2], 16) for at in (1, 3, 5)]
                exact = [
                    band.point([255 * (value == side) for value in range(256)])
                    for band, side in zip(image.split(), sides, strict=True)
                ]
                placed.paste(NOTHING, mask=ImageChops.darker(ImageChops.darker(exact[0], exact[1]), exact[2]))
        return placed


def _telling_apart(colours: Sequence[tuple[int, ...]]) -> tuple[list[list[int]], list[int]]:
    """Tables for red, green and blue whose sums, modulo 256, differ for all colours; and the place of a colour by its sum."""
    tables = _by_counting(colours) or _by_trying(colours)
    final = [NOTHING] * 256
    for at, colour in enumerate(colours):
        final[_sum(tables, colour)] = at
    return tables, final


def _sum(tables: Sequence[Sequence[int]], colour: tuple[int, ...]) -> int:
    return sum(table[side] for table, side in zip(tables, colour, strict=True)) % 256


def _by_counting(colours: Sequence[tuple[int, ...]]) -> list[list[int]] | None:
    """Each channel's values as the digits of a number; None where there are more than 256 numbers."""
    tables, unit = [], 1
    for channel in range(3):
        digits = sorted({colour[channel] for colour in colours})
        tables.append([digits.index(value) * unit if value in digits else 0 for value in range(256)])
        unit *= len(digits)
    return tables if unit <= 256 else None


def _by_trying(colours: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Draw a table's entry when a colour first needs it, so that the colour's sum is a new one; start anew where that fails."""
    draw = random.Random(0)
    for _ in range(_TRIES):
        tables: list[dict[int, int]] = [{}, {}, {}]
        taken: set[int] = set()
        for colour in colours:
            open_channel = next((channel for channel in range(3) if colour[channel] not in tables[channel]), None)
            for channel in range(3):
                if channel != open_channel:
                    tables[channel].setdefault(colour[channel], draw.randrange(256))
            if open_channel is not None:
                rest = sum(tables[channel][colour[channel]] for channel in range(3) if channel != open_channel)
                free = [total for total in range(256) if total not in taken]
                tables[open_channel][colour[open_channel]] = (draw.choice(free) - rest) % 256
            taken.add(sum(table[side] for table, side in zip(tables, colour, strict=True)) % 256)
        if len(taken) == len(colours):
            return [[table.get(value, 0) for value in range(256)] for table in tables]
    raise Unreadable(f"has, with all others, {len(colours)} colours that cannot be told apart")
