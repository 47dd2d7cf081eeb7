"""Finds out what a column of texts holds: numbers, moments, true and false, or texts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from shared.datasets.tables import date_styles, number_styles
from shared.datasets.tables.kernels import pc
from shared.datasets.tables.missing import trimmed

Stored = Literal["number", "date", "boolean", "text"]
_MOSTLY = 0.99  # of the cells fit: the others are mistakes, not another kind of value
_FEW = 3  # mistakes in a short column
_SEEN = 5_000  # cells that tell what is worth trying on the others
_BOOLEAN = pa.array(["true", "false"])
_ARROW = {"number": pa.float64(), "date": pa.timestamp("us"), "boolean": pa.bool_(), "text": pa.string()}


@dataclass(frozen=True)
class Kind:
    """What a column is converted to. comma: its numbers have a decimal comma. style: of its dates. ambiguous: that was a guess.

    odd: of a text, an example of the few cells that keep it from being numbers or dates, and their share. spaces: those at the
    ends of its texts stay. zoned, zoneless: how many of its moments have a time zone, and have none.
    """

    stored: Stored
    comma: bool = False
    style: date_styles.Style | None = None
    ambiguous: bool = False
    odd: str = ""
    odd_share: float = 0.0
    spaces: bool = False
    zoned: int = 0
    zoneless: int = 0

    @property
    def type(self) -> pa.DataType:
        return _ARROW[self.stored]

    def convert(self, cells: pa.Array) -> tuple[pa.Array, pa.Array | None]:
        """(values, a mask of the cells that do not fit, None where all do). Null stays null."""
        if not (self.spaces and self.stored == "text"):
            cells = trimmed(cells)
        if self.stored == "number":
            return number_styles.convert(cells, comma=self.comma)
        if self.stored == "date" and self.style is not None:
            return date_styles.convert(cells, self.style)
        if self.stored == "boolean":
            lower = pc.utf8_lower(cells)
            fits = pc.is_in(lower, value_set=_BOOLEAN)
            bad = pc.and_(pc.is_valid(cells), pc.invert(fits))
            values = pc.if_else(fits, pc.equal(lower, "true"), pa.scalar(None, pa.bool_()))
            return values, bad if pc.any(bad).as_py() else None
        return cells, None

    def wanted(self) -> str:
        """What a cell that does not fit should have been."""
        if self.stored == "number":
            return f"is no number like {'1234,5' if self.comma else '1234.5'}"
        if self.stored == "date" and self.style is not None:
            return f"is no date like {self.style.name}"
        return "is neither true nor false"


@dataclass
class Guess:
    """What is known of a column after some of its cells. dot, comma: cells that are numbers written so."""

    cells: int = 0
    dot: int = 0
    comma: int = 0
    grouped: int = 0  # numbers with a mark that either reading allows, as 1,234
    zeros: int = 0
    long: int = 0
    booleans: int = 0
    dated: dict[str, int] = field(default_factory=lambda: {style.name: 0 for style in date_styles.STYLES})
    day_first: int = 0
    day_second: int = 0
    dashed: int = 0
    zoned: int = 0  # moments with a time zone
    odd: str = ""
    _numbers: bool = True  # what is still tried: after _SEEN cells only what at least half of them were
    _commas: bool = True
    _booleans: bool = True
    _styles: tuple[date_styles.Style, ...] = date_styles.STYLES

    def add(self, cells: pa.Array) -> None:
        """Look at more cells, strings with null for missing ones."""
        cells = trimmed(cells.drop_null())
        if self.cells < _SEEN:
            first = cells.slice(0, _SEEN)
            self._add(first)
            if self.cells >= _SEEN:
                self._numbers = 2 * max(self.dot, self.comma) >= self.cells
                self._commas = 2 * self.comma >= self.cells
                self._booleans = 2 * self.booleans >= self.cells
                self._styles = tuple(style for style in self._styles if 2 * self.dated[style.name] >= self.cells)
            cells = cells.slice(len(first))
        self._add(cells)

    def _add(self, cells: pa.Array) -> None:
        self.cells += len(cells)
        if not len(cells):
            return
        if self._numbers:
            zeros, long = number_styles.codes(cells)
            self.zeros += zeros
            self.long += long
            if number_styles.as_float(cells) is not None:
                self.dot += len(cells)
                if self._commas:
                    self._add_commas(cells)
                return
            fits = pc.match_substring_regex(cells, number_styles.POINT)
            self.dot += pc.sum(fits).as_py()
            self._add_commas(cells)
            if not self.odd:
                others = cells.filter(pc.invert(pc.or_(fits, pc.match_substring_regex(cells, number_styles.COMMA))))
                self.odd = others[0].as_py()[:60] if len(others) else ""
        if self._booleans:
            self.booleans += pc.sum(pc.is_in(pc.utf8_lower(cells), value_set=_BOOLEAN)).as_py()
        for style in self._styles:
            self._add_dates(cells, style)

    def _add_commas(self, cells: pa.Array) -> None:
        self.comma += number_styles.count(cells, number_styles.COMMA)
        either = cells.filter(pc.match_substring_regex(cells, "[.,]"))
        either = either.filter(pc.match_substring_regex(either, number_styles.POINT))
        self.grouped += number_styles.count(either, number_styles.COMMA)

    def _add_dates(self, cells: pa.Array, style: date_styles.Style) -> None:
        fits = pc.match_substring_regex(cells, style.pattern)
        self.dated[style.name] += pc.sum(fits).as_py()
        if style == date_styles.YEAR_FIRST:
            self.zoned += date_styles.zoned(cells.filter(fits))
        if style == date_styles.DAY_FIRST and pc.any(fits).as_py():
            parted = cells.filter(fits)
            first, second = date_styles.days(parted)
            self.day_first += first
            self.day_second += second
            self.dashed += pc.sum(pc.match_substring(parted, "-")).as_py()

    def kind(self, *, comma: bool, sure: bool, order: str, strict: bool) -> Kind:
        """Decide. comma: the file's numbers have a decimal comma; sure: the user said so.

        order: "day_first" or "month_first" as the user said, "auto". strict: every cell must fit, not nearly all.
        """
        if not self.cells:
            return Kind("text")
        if self._fits(self.booleans, strict):
            return Kind("boolean")
        dated = max(self.dated, key=self.dated.__getitem__)
        if self._fits(self.dated[dated], strict):
            style, ambiguous = self._style(dated, order)
            return Kind("date", style=style, ambiguous=ambiguous, zoned=self.zoned, zoneless=self.cells - self.zoned)
        reads_comma = comma if sure or self.dot == self.comma else self.comma > self.dot
        numeric = self.comma if reads_comma else self.dot
        code = self.long or self.zeros > (1 - _MOSTLY) * self.cells
        if self._fits(numeric, strict) and not code:
            alike = not sure and self.dot == self.comma and self.grouped > 0
            return Kind("number", comma=reads_comma, ambiguous=alike)
        share = numeric / self.cells
        return Kind("text", odd=self.odd if share > 0.5 and not code else "", odd_share=1 - share)

    def _fits(self, count: int, strict: bool) -> bool:
        if strict or count == self.cells:
            return count == self.cells
        others = self.cells - count
        return count >= _MOSTLY * self.cells or (others <= _FEW and self.cells >= 10 and count >= 0.9 * self.cells)

    def _style(self, name: str, order: str) -> tuple[date_styles.Style, bool]:
        style = next(style for style in date_styles.STYLES if style.name == name)
        if style != date_styles.DAY_FIRST:
            return style, False
        if order != "auto":
            return (date_styles.DAY_FIRST if order == "day_first" else date_styles.MONTH_FIRST), False
        if self.day_first != self.day_second:
            return (date_styles.DAY_FIRST if self.day_first > self.day_second else date_styles.MONTH_FIRST), False
        return (date_styles.DAY_FIRST if 2 * self.dashed > self.cells else date_styles.MONTH_FIRST), True


def decide(guesses: Sequence[Guess], *, decimal: str, order: str, semicolons: bool, strict: bool) -> list[Kind]:
    """What each column is. decimal: ".", "," or "auto": then the marks that only one reading allows decide for those that both do.

    semicolons: the cells are parted by them, as where commas are decimal.
    """
    point = sum(guess.dot for guess in guesses if guess.dot > guess.comma)
    comma = sum(guess.comma for guess in guesses if guess.comma > guess.dot)
    reads_comma = decimal == "," if decimal != "auto" else comma > point or (comma == point and semicolons)
    return [guess.kind(comma=reads_comma, sure=decimal != "auto", order=order, strict=strict) for guess in guesses]
