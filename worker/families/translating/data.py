"""Pairs of texts ready for a training: cleaned, no source in two parts, in pieces, in batches by seed and step."""

from typing import Any

import numpy as np
import tensorflow as tf

from shared.datasets.tables.reading import open_table
from shared.errors import DatasetInvalid, Problem
from shared.recipes.seq2seq import check_sides
from worker.context import Context
from worker.families.scripts import WITHOUT_SPACES
from worker.families.splitting import split_rows
from worker.families.text_labels.rows import PARTS, joined_texts
from worker.families.text_labels.tokens import Tokens, cut_texts, learnt_from
from worker.families.translating.pieces import BEGIN, END, PAD, Pieces, clean, learn_pieces, packed
from worker.families.translating.rows import PairRows, read_pairs
from worker.recipe import Assets, Data, Inputs, OpenInput

_STEPS, _EPOCHS = 8_000, (3, 40)  # a guess
_MOST_BETWEEN = 2_000  # steps between two evaluations
_STEPS_AN_EPOCH = 16  # at least, where there are pairs enough for batches of 8
_SORTED_BATCHES = 64  # whose pairs are put in order of their lengths: batches of short ones cost little
_EIGHT = 8  # lengths of batches are multiples of it: few shapes are ever traced
_SHOWN, _CHARACTERS = 6, 1_000  # validation sources of samples, and how much is kept of each
SIDES = ("source", "target")


class PairTexts(Data):
    """Batches are (x, y): x {"source": int32 (batch, S), "target": int32 (batch, T), begun}; y int32 (batch, T), ended. 0 fills up.

    rows: what the table holds. places: of the pairs of each part. tokens: of each side, without any that begin or end.
    vocabularies: of source and target, the same one where it is shared. cut: of each side, how many texts are longer than is read.
    """

    def __init__(self, opened: OpenInput, rows: PairRows, params: Any, context: Context):
        self.opened, self.table_rows, self.params, self.context = opened, rows, params, context
        self.places = self._parted()
        self.split = {part: len(places) for part, places in self.places.items()}
        self.notes = [*rows.notes]
        windows = params.most_windows if params.long_sources == "windows" else 1
        self.most = (
            params.max_source_length * windows - 1,
            params.max_target_length - 1,
        )  # without the token that ends
        self.shared = params.vocabulary == "shared" or (params.vocabulary == "auto" and self._alike())
        self.vocabularies = self._learnt()
        self.tokens: tuple[Tokens, Tokens] = tuple(
            cut_texts(opened, [getattr(params, side)], rows.rows, vocabulary, context)
            for side, vocabulary in zip(SIDES, self.vocabularies, strict=True)
        )  # pyright: ignore[reportAttributeAccessIssue]
        self.cut = [int((tokens.lengths > most).sum()) for tokens, most in zip(self.tokens, self.most, strict=True)]
        self.notes += [*self._said_of_vocabularies(), *self._said_of_lengths()]
        size = len(self.places["train"])
        self.batch_size = max(1, min(params.batch_size, max(size // _STEPS_AN_EPOCH, min(size, 8))))
        self.steps_per_epoch = max(1, size // self.batch_size)
        low, high = _EPOCHS
        epochs = params.epochs or min(max(round(_STEPS / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.eval_every = min(self.steps_per_epoch, _MOST_BETWEEN)
        self.assets = self._assets()

    def _parted(self) -> dict[str, np.ndarray]:
        """Places by part, as the table says or by the seed; all pairs of a source are in one."""
        rows, params = self.table_rows, self.params
        kinds, first = np.unique(rows.groups, return_index=True)
        told = rows.parts[first]
        parts = np.array(PARTS)[np.where(told == 0, 1, told)] if (told > 0).any() else None
        split = split_rows(kinds, None, parts, params.validation_fraction, params.test_fraction, params.seed)
        self.split_notes = split.notes
        found = {name: np.flatnonzero(np.isin(rows.groups, getattr(split, name))) for name in ("train", "val", "test")}
        if not len(found["train"]) or not len(found["val"]):
            empty = "train" if not len(found["train"]) else "val"
            message = f"no pair is left for the part {empty!r}: give it more pairs, or smaller other parts"
            raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
        return found

    def _alike(self) -> bool:
        source, target = self.table_rows.scripts
        return source == target

    def _learnt(self) -> tuple[Pieces, Pieces]:
        """The vocabularies, learnt from the training part alone."""
        params, rows = self.params, self.table_rows.rows[self.places["train"]]

        def learn(columns: list[str], scripts: tuple[str, ...]) -> str:
            spaced = not any(script in WITHOUT_SPACES for script in scripts)
            return learnt_from(
                self.opened, columns, rows, self.context,
                lambda texts, count: learn_pieces(texts, params.vocabulary_size, spaced=spaced),
            )  # fmt: skip

        scripts = self.table_rows.scripts
        if self.shared:
            definition = learn([params.source, params.target], scripts)
            both = [definition, definition]
        else:
            both = [learn([getattr(params, side)], (script,)) for side, script in zip(SIDES, scripts, strict=True)]
        source, target = (Pieces(one, most) for one, most in zip(both, self.most, strict=True))
        return source, target

    def _said_of_vocabularies(self) -> list[str]:
        source, target = (vocabulary.size for vocabulary in self.vocabularies)
        why = (
            "as asked for"
            if self.params.vocabulary != "auto"
            else f"scripts are {' and '.join(s or 'mixed' for s in self.table_rows.scripts)}"
        )
        if self.shared:
            return [f"both sides share {source:,} pieces: {why}"]
        return [f"{source:,} pieces for sources, {target:,} for targets: {why}"]

    def _said_of_lengths(self) -> list[str]:
        params, (sources, targets) = self.params, self.tokens
        told = []
        windowed = int((sources.lengths >= params.max_source_length).sum())
        if params.long_sources == "windows" and windowed:
            told.append(
                f"{windowed:,} of {len(sources):,} sources are read in several windows of {params.max_source_length} tokens"
            )
        if cut := self.cut[0]:
            share = 1 - np.minimum(sources.lengths, self.most[0]).sum() / sources.lengths.sum()
            told.append(
                f"{cut:,} of {len(sources):,} sources are longer than {self.most[0] + 1} tokens: their ends are not read, "
                f"{share:.0%} of all tokens; max_source_length and long_sources decide of it"
            )
        if cut := self.cut[1]:
            told.append(
                f"{cut:,} of {len(targets):,} targets are longer than {self.most[1] + 1} tokens: they are learnt up to there, and "
                "answers end there, too; max_target_length decides of it"
            )
        return [*self.split_notes, *told]

    def _assets(self) -> Assets:
        params = self.params
        val = self.places["val"]
        shown = np.sort(np.random.default_rng([params.seed, 2]).permutation(val)[:_SHOWN])
        longest = int(self.tokens[1].lengths[self.places["train"]].max())
        source, target = self.vocabularies
        self.kinds = (source.size,) if self.shared else (source.size, target.size)
        return Assets(
            {
                "kinds": list(self.kinds),
                "source": params.source,
                "target": params.target,
                "shared": self.shared,
                "most": list(self.most),
                "longest": min(longest, self.most[1]),
                "scripts": list(self.table_rows.scripts),
                "shown": [text[:_CHARACTERS] for text in self.texts("source", shown)],
                "truths": [text[:_CHARACTERS] for text in self.texts("target", shown)],
            },
            {
                f"{side}_vocabulary": packed(one)
                for side, one in zip(SIDES, self.vocabularies[: 1 if self.shared else 2], strict=False)
            },
        )

    def texts(self, side: str, places: np.ndarray) -> list[str]:
        """The texts of pairs by place, in their order, as they are compared."""
        name = getattr(self.params, side)
        with open_table(self.opened.folder) as table:
            return [
                clean(text) for text in joined_texts(table.take(self.table_rows.rows[places].tolist(), [name]), [name])
            ]

    def batch(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(source, target begun, target ended), int32 (n, a multiple of 8), of pairs by place."""
        sources = filled([self.tokens[0].text(place)[: self.most[0]] for place in places.tolist()], ends=True)
        targets = [self.tokens[1].text(place) for place in places.tolist()]
        begun = filled([one[: self.most[1]] for one in targets], begins=True)
        # Of a target that is longer nothing is learnt of where it ends.
        ended = filled([one[: self.most[1] + 1] if len(one) > self.most[1] else np.append(one, END) for one in targets])
        return sources, begun, ended

    def train(self, start_step: int) -> tf.data.Dataset:
        batch, steps = self.batch_size, self.steps_per_epoch
        orders: dict[int, np.ndarray] = {}

        def read(step: np.int64) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            epoch, place = divmod(int(step), steps)
            if epoch not in orders:
                orders.clear()
                orders[epoch] = self._order(epoch)
            return self.batch(orders[epoch][place * batch : (place + 1) * batch])

        @tf.autograph.experimental.do_not_convert
        def make(step: Any) -> Any:
            source, begun, ended = (
                tf.ensure_shape(one, (batch, None)) for one in tf.numpy_function(read, [step], [tf.int32] * 3)
            )
            return {"source": source, "target": begun}, ended

        return tf.data.Dataset.range(start_step, self.total_steps).map(make).prefetch(4)

    def _order(self, epoch: int) -> np.ndarray:
        """The places of an epoch's batches, one after the other: pairs of like length together, the batches drawn anew."""
        rng = np.random.default_rng([self.params.seed, 3, epoch])
        whole = rng.permutation(self.places["train"])[: self.steps_per_epoch * self.batch_size]
        found = [
            some[self.by_length(some)]
            for some in np.array_split(
                whole, range(_SORTED_BATCHES * self.batch_size, len(whole), _SORTED_BATCHES * self.batch_size)
            )
        ]
        return rng.permutation(np.concatenate(found).reshape(-1, self.batch_size)).reshape(-1)

    def by_length(self, places: np.ndarray) -> np.ndarray:
        """The order in which pairs are of rising length."""
        source, target = (
            np.minimum(tokens.lengths[places], most) for tokens, most in zip(self.tokens, self.most, strict=True)
        )
        return (
            np.lexsort((source, target // _EIGHT))
            if not self.table_rows.gist
            else np.lexsort((target, source // _EIGHT))
        )

    def validation(self) -> None:
        return None  # evaluate() of the recipe does it


def filled(texts: list[np.ndarray], *, begins: bool = False, ends: bool = False) -> np.ndarray:
    """int32 (n, a multiple of 8): tokens of texts, with one that begins or ends each, filled up."""
    longest = max(len(one) for one in texts) + begins + ends
    found = np.full((len(texts), -(-longest // _EIGHT) * _EIGHT), PAD, np.int32)
    for row, one in zip(found, texts, strict=True):
        row[begins : begins + len(one)] = one
        if begins:
            row[0] = BEGIN
        if ends:
            row[begins + len(one)] = END
    return found


def load_texts(inputs: Inputs, params: Any, context: Context) -> PairTexts:
    """Read the pairs in the role "data". Raises DatasetInvalid with every problem found."""
    dataset = inputs["data"].dataset
    problems = check_sides(params, {"data": dataset})
    for field in SIDES:
        name = getattr(params, field)
        if name and dataset.report.column(name) is None:
            problems.append(Problem(field=f"params.{field}", message=f"there is no column {name!r}"))
    if problems:
        raise DatasetInvalid("; ".join(problem.message for problem in problems), problems=problems)
    return PairTexts(inputs["data"], read_pairs(inputs["data"], params, context), params, context)
