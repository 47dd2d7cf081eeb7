"""Refuses files of an upload that cannot be used, all at once, and offers the way on: to leave them out, or their whole class."""

from collections.abc import Mapping

from shared.datasets.problems import Problems
from shared.errors import Choice, DatasetInvalid

Places = Mapping[str, tuple[str, str | None]]  # (part, class) by name


def vanishing(bad: Mapping[str, str], places: Places) -> list[str]:
    """Classes and parts that would be empty without the bad files, as "class 'green'", "part test"."""
    good = [place for name, place in places.items() if name not in bad]
    lost = [places[name] for name in bad if name in places]
    classes = {label for _, label in lost if label is not None} - {label for _, label in good}
    parts = {part for part, _ in lost} - {part for part, _ in good}
    return [f"class {label!r}" for label in sorted(classes)] + [f"part {part}" for part in sorted(parts)]


def refuse_bad(bad: Mapping[str, str], places: Places, *, one: str = "picture") -> DatasetInvalid:
    """A DatasetInvalid that names every bad file (name -> what is wrong) and what would be lost without them.

    one: what the user calls such a file.
    """
    problems = Problems()
    gone = vanishing(bad, places)
    for number, (name, wrong) in enumerate(bad.items()):
        problems.add(wrong, file=name)
        for what in gone if number == 0 else ():  # early: of many problems only the first are named
            problems.add(f"without the {one}s that cannot be used the {what} would be empty")
    bad_ones = f"{len(bad):,} {one if len(bad) == 1 else f'{one}s'}"
    if len(bad) >= len(places):
        choices = []
    elif gone:
        title = f"Leave out {bad_ones}, and with them the {', the '.join(gone[:5])}{' ...' if len(gone) > 5 else ''}"
        choices = [Choice(option="missing_classes", value="leave_out", title=title)]
    else:
        choices = [Choice(option="bad_rows", value="drop", title=f"Leave out {bad_ones} and take the rest")]
    return problems.refusal(choices)
