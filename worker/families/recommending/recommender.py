"""Uses of a recommender: items for a person, for a newcomer, like an item; for all people of a table."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.errors import RecipeFailed
from shared.outputs import Output, Score, Scores, Text
from shared.recipes.recommending_uses import RecommendBatch, RecommendGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.evaluation.ranking import best_of
from worker.families.recommending.batching import recommend_table
from worker.families.recommending.best_items import BestItems
from worker.families.recommending.choosing import diverse, reasons, unit
from worker.families.recommending.history_vectors import HistoryVectors
from worker.families.recommending.known import CODE, Known, refuse
from worker.families.recommending.names import name_at
from worker.families.recommending.vectors import Vectors
from worker.recipe import Assets, Inputs, Report

_SHOWN = 5  # items for each of the people shown while it trains
_POOL = 10  # times as many items are looked at where they are to be unlike each other


@dataclass(frozen=True)
class Asked:
    """Whom or what it is for. vector: float32 (width,). has: items that are not said again. liked: reasons. bias: of values."""

    subject: str
    vector: np.ndarray
    has: np.ndarray
    liked: np.ndarray
    bias: float = 0.0


class Recommender:
    """A model ready for many jobs. vectors: all that it knows of people and items."""

    def __init__(self, vectors: Vectors, params: Any, assets: Assets):
        self.vectors, self._of = vectors, Known(assets)
        self._penalty = getattr(params, "regularisation", 0.0)
        self._best = BestItems(vectors.items, vectors.item_bias)
        self._alike: BestItems | None = None

    def generate(self, params: RecommendGenerate, context: Context, files: Files) -> list[Output]:
        """Items of a newcomer's list that are not known are left out, and named in a text behind the answer.

        Raises RecipeFailed naming every other person, item, column and value that is not known.
        """
        only, wrong = self._of.narrowed(params.only)
        without, more = self._of.items_of(params.without, "without")
        asked, most, notes = self._asked(params)
        refuse([*most, *wrong, *more])
        assert asked is not None
        context.check()
        left_out = np.concatenate([asked.has, np.array(without, np.int64)]).astype(np.int64)
        answer = self._answer(asked, params, only, left_out, similar=bool(params.similar_to))
        told = Text(title="Left out", text="\n".join(["Left out, since it is not known:", *notes]))
        return [answer, *([told] if notes else [])]

    def _asked(self, params: RecommendGenerate) -> tuple[Asked | None, list[str], list[str]]:
        """(for whom, what is wrong, what is left out)."""
        of, nothing = self._of, np.zeros(0, np.int64)
        if params.user:
            return self._for_user(params)
        if not params.similar_to:
            return self._for_newcomer(params)
        places, wrong = of.items_of([params.similar_to], "similar_to")
        if wrong:
            return None, wrong, []
        row = unit(self.vectors.items[places])[0].astype(np.float32)
        return Asked(of.catalogue.titles[places[0]], row, np.array(places), nothing), [], []

    def _for_user(self, params: RecommendGenerate) -> tuple[Asked | None, list[str], list[str]]:
        of, vectors, nothing = self._of, self.vectors, np.zeros(0, np.int64)
        person = of.person(params.user)
        if person is None:
            known = (
                ""
                if of.described is None
                else f" or what is known of them: about, such as {of.described.columns[0]}=..."
            )
            return None, [f"{of.people_wrong(params.user)}; of a newcomer say what they like: liked{known}"], []
        items, values = of.history(person)
        liked = items if values is None else items[values >= values.mean()]
        subject = of.user_ids[person]
        if not len(items) and of.described is not None:
            subject += f", by {', '.join(of.described.columns)} alone"
        has = nothing if params.seen else items
        return Asked(subject, vectors.users[person], has, liked, float(vectors.user_bias[person])), [], []

    def _for_newcomer(self, params: RecommendGenerate) -> tuple[Asked | None, list[str], list[str]]:
        of, vectors = self._of, self.vectors
        about: list[str] = getattr(params, "about", [])
        places, unknown = of.items_of(params.liked, "liked")
        wrong = [*unknown, of.such_items()] if unknown and not places else []
        features, nowhere, more = None, list[str](), list[str]()
        if about:
            if of.described is None:
                more = ["about: this model has learnt nothing of people's columns; train it with a table of people"]
            else:
                features, nowhere, more = of.described.typed(about)
                if features is not None and not features.told.any() and not places:
                    more = [f"about: nothing of it is known: {', '.join(nowhere)}"]
        if wrong or more:
            return None, [*wrong, *more], []
        titles = ", ".join(of.catalogue.titles[place] for place in places[:3])
        parts = [f"who likes {titles}{' ...' if len(places) > 3 else ''}"] if places else []
        parts += [f"of whom is known: {', '.join(about)}"] if about else []
        if isinstance(vectors, HistoryVectors) and features is not None:
            vector, bias = vectors.by_columns(places, features), 0.0
        else:
            values = [of.liked_value] * len(places) if of.goal == "ratings" else None
            vector, bias = vectors.newcomer(places, values, self._penalty)
        liked = np.array(places, np.int64)
        has = np.zeros(0, np.int64) if params.seen else liked
        return Asked(", ".join(parts), vector, has, liked, bias), [], [*unknown, *(f"about: {one}" for one in nowhere)]

    def _answer(
        self, asked: Asked, params: RecommendGenerate, only: Any, without: np.ndarray, *, similar: bool
    ) -> Output:
        if similar and self._alike is None:
            self._alike = BestItems(unit(self.vectors.items).astype(np.float32), np.zeros(len(self._best), np.float32))
        best = self._alike if similar and self._alike is not None else self._best
        wanted = params.count * _POOL if params.diversity else params.count
        places, scores = best.find(asked.vector, wanted, without, only)
        if not len(places):
            raise RecipeFailed("no item is left: all are had already, or left out by only and without", code=CODE)
        chosen = diverse(scores, self.vectors.items[places], params.count, params.diversity)
        places, scores = places[chosen], scores[chosen]
        why = [""] * len(places)
        if params.reasons and not similar:
            why = reasons(places.tolist(), asked.liked, self.vectors.items, self._of.catalogue)
        if self._of.goal == "ratings" and not similar:
            said, title = self.vectors.as_values(scores, asked.bias), f"{self._of.columns['value']} that is foreseen"
        else:
            said, title = scores.astype(np.float64), "Likeness, -1 to 1" if similar else "Score: more is likelier"
        items = [
            Score(name=self._of.catalogue.titles[place], value=float(value), note=self._note(place, reason))
            for place, value, reason in zip(places.tolist(), said, why, strict=True)
        ]
        return Scores(title=title, subject=asked.subject, unit="number", items=items)

    def _note(self, place: int, reason: str) -> str:
        shown = (
            ""
            if self._of.catalogue.titles is self._of.catalogue.ids
            else f"{self._of.columns['item']} {self._of.catalogue.ids[place]}"
        )
        return "; ".join(part for part in (reason, shown) if part)

    def batch(self, params: RecommendBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """The best items for each person of a table, or the value of each of its rows, into a file. Goes on after a kill."""
        return recommend_table(self.vectors, self._best, self._of, params, inputs["data"], context, files)


def shown_answers(vectors: Vectors, assets: Assets) -> list[Output]:
    """What a few people would be told while it trains, the same ones each time."""
    arrays, found = assets.arrays, list[Output]()
    called = "item_titles" if assets["titled"] else "item_ids"
    for person in assets["shown"]:
        scores = vectors.scores(np.array([person]))[0]
        scores[arrays["taken_items"][arrays["taken_starts"][person] : arrays["taken_starts"][person + 1]]] = -np.inf
        best = best_of(scores[None], _SHOWN)[0]
        best = best[best >= 0]
        said = scores[best].astype(np.float64)
        if assets["goal"] == "ratings":
            said = vectors.as_values(said, vectors.user_bias[person])
        items = [Score(name=name_at(arrays, called, int(i)), value=float(v)) for i, v in zip(best, said, strict=True)]
        subject = f"{assets['columns']['user']} {name_at(arrays, 'user_ids', person)}"
        found += [Scores(subject=subject, unit="number", items=items)] if items else []
    return found
