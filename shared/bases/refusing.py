"""Ends an import with everything that is wrong so far."""

from shared.errors import BaseInvalid, Problem


def stop(problems: list[Problem]) -> None:
    """Raise BaseInvalid with all problems so far, if there are any."""
    if problems:
        first = problems[0]
        said = " ".join(filter(None, (first.file, first.field, first.message)))
        raise BaseInvalid(said if len(problems) == 1 else f"{len(problems)} problems: {said}", problems=problems)
