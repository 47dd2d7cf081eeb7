"""Collects everything wrong with an upload, so that it can be said at once."""

from collections.abc import Sequence

from shared.errors import Choice, DatasetInvalid, Problem

MOST = 50  # problems named one by one unless more is asked for; beyond, their number


class Problems:
    """A list that stops growing at `most` but goes on counting."""

    def __init__(self, most: int = MOST) -> None:
        self.found: list[Problem] = []
        self.count, self._most = 0, most

    def add(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        self.count += 1
        if self.count <= self._most:
            self.found.append(Problem(field="file", message=message, file=file, line=line))

    def raise_if_any(self) -> None:
        """Raises DatasetInvalid naming all problems."""
        if self.count:
            raise self.refusal()

    def refusal(self, choices: Sequence[Choice] = ()) -> DatasetInvalid:
        """A DatasetInvalid naming all problems, to raise. choices: ways on."""
        found = list(self.found)
        if self.count > self._most:
            found.append(Problem(field="file", message=f"and {self.count - self._most} more problems"))
        where = f"{found[0].file}: " if found[0].file else ""
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        message = f"the dataset cannot be used: {where}{found[0].message}{more}"
        return DatasetInvalid(message, problems=found, choices=list(choices))


def refuse(message: str, *, file: str | None = None, line: int | None = None) -> DatasetInvalid:
    """A DatasetInvalid with one problem, to raise."""
    problem = Problem(field="file", message=message, file=file, line=line)
    where = f"{file}: " if file else ""
    return DatasetInvalid(f"the dataset cannot be used: {where}{message}", problems=[problem])
