"""The table of people: who is of which group of a column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.outputs import Output
from worker.context import Context
from worker.families.evaluation.groups import Figure, compare_groups
from worker.families.recommending.catalogue import Catalogue, Side, read_catalogue
from worker.recipe import OpenInput


@dataclass(frozen=True)
class People:
    """opened: the table. catalogue: what it tells of each, in the order of the interactions' people."""

    opened: OpenInput
    catalogue: Catalogue

    def compare(
        self, people: np.ndarray, figures: Sequence[Figure], part: str, params: Any, context: Context
    ) -> tuple[dict[str, float], list[Output]]:
        """(metrics, outputs) of the groups that params.groups makes of people, int (n,), each with its figures."""
        rows = self.catalogue.rows
        assert rows is not None
        return compare_groups(
            self.opened.folder, params.groups, rows[people], figures, part, params.seed, context, of="people"
        )


def read_people(
    opened: OpenInput | None, params: Any, ids: list[str], context: Context
) -> tuple[People | None, list[str]]:
    """The table of people, if one is given, and notes. ids: of the interactions. Raises DatasetInvalid as read_catalogue()."""
    if opened is None:
        return None, []
    found, notes = read_catalogue(opened, Side.people(params, opened.dataset.report), ids, context)
    if not params.groups:
        notes.append("the table of people changes nothing: name a column of it in params.groups")
    return People(opened, found), notes
