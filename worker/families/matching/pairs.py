"""Pairs of texts ready for a training: cleaned, no question in two parts, cut into tokens, in batches by seed and step."""

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf

from shared.bases.manifest import TOKENIZER
from shared.datasets.tables.reading import open_table
from shared.errors import DatasetInvalid, Problem
from shared.recipes.text_matcher import check_pairs
from worker.context import Context
from worker.families.going import Going
from worker.families.text_labels.rows import AT_ONCE, joined_texts
from worker.families.text_labels.tokenizer import EncoderTokenizer
from worker.families.text_labels.tokens import Tokens, cut_texts, trimmed
from worker.families.text_labels.upon_encoder import encoder_json, most_tokens
from worker.recipe import Assets, Data, Inputs, OpenInput

_STEPS, _EPOCHS = 1_500, (1, 4)  # a guess
_FEWEST = 4  # pairs of different questions: two to learn from, one for each other part
_SHOWN, _CANDIDATES = 6, 100  # of the validation part: questions of samples, and the texts they are asked of
_CHARACTERS = 1_000  # kept of each of these


class Pairs(Data):
    """Batches are (x, y): x {"asked", "found", "wrong" where there is such a column}: int32 (batch, time), and "same" int32
    (batch, 2), equal numbers for equal texts asked and found; y int32 (batch,), 0, 1, 2 ...: which of the batch is found.

    rows: int64 (n,), their numbers in the table. asked_as, found_as: int64 (n,), equal for equal texts. places: of each part.
    """

    def __init__(self, opened: OpenInput, base: OpenInput, params: Any, context: Context):
        self.opened, self.base, self.params, self.context = opened, base, params, context
        self.notes = []
        self._read()
        self.places = self._parted()
        self.split = {part: len(places) for part, places in self.places.items()}
        definition = (base.folder / TOKENIZER).read_text(encoding="utf-8")
        self.tokenizer = EncoderTokenizer(definition)
        self.length = min(params.max_length, most_tokens(base.base.config, self.tokenizer))
        columns = ["asked", "found", *(["wrong"] if params.wrong else [])]
        self.tokens: dict[str, Tokens] = {
            role: cut_texts(opened, [getattr(params, role)], self.rows, self.tokenizer, context) for role in columns
        }
        for role, tokens in self.tokens.items():
            if longer := int((tokens.lengths > self.length).sum()):
                self.notes.append(
                    f"{longer:,} texts of {role} are longer than {self.length} tokens: their ends are not read"
                )
        size = len(self.places["train"])
        self.batch_size = min(params.batch_size, size)
        self.steps_per_epoch = max(1, size // self.batch_size)
        low, high = _EPOCHS
        epochs = params.epochs or min(max(round(_STEPS / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        json = encoder_json(base) | {
            "length": self.length,
            "columns": {role: getattr(params, role) for role in columns},
            "shown": [text[:_CHARACTERS] for text in self.texts("asked", self.places["val"][:_SHOWN])],
            "candidates": [text[:_CHARACTERS] for text in self.texts("found", self.places["val"][:_CANDIDATES])],
        }
        self.assets = Assets(json, {"tokenizer": np.frombuffer(definition.encode(), np.uint8).copy()})

    def _read(self) -> None:
        """Find the rows that hold a pair, each pair once."""
        params = self.params
        names = [params.asked, params.found, *([params.wrong] if params.wrong else [])]
        rows, asked, found = [], [], []
        seen: set[tuple[int, int]] = set()
        empty = doubled = equal = 0
        with open_table(self.opened.folder) as table:
            going = Going(self.context, "loading", table.num_rows)
            for start in range(0, table.num_rows, AT_ONCE):
                stop = min(start + AT_ONCE, table.num_rows)
                cells = table.arrays(start, stop, list(dict.fromkeys(names)))
                for offset, texts in enumerate(zip(*(joined_texts(cells, [name]) for name in names), strict=True)):
                    if not all(text.strip() for text in texts):
                        empty += 1
                        continue
                    pair = _digest(texts[0]), _digest(texts[1])
                    if pair in seen:
                        doubled += 1
                    elif pair[0] == pair[1]:
                        equal += 1
                    else:
                        seen.add(pair)
                        rows.append(start + offset)
                        asked.append(pair[0])
                        found.append(pair[1])
                going.done(stop - start)
            going.end()
        for count, what in (
            (empty, "lack a text"),
            (doubled, "are there already"),
            (equal, "ask for the very same text"),
        ):
            if count:
                self.notes.append(f"{count:,} rows {what}, and are left out")
        self.rows = np.array(rows, np.int64)
        self.asked_as, self.found_as = (
            np.unique(np.array(some, np.uint64), return_inverse=True)[1].astype(np.int64) for some in (asked, found)
        )
        if len(np.unique(self.asked_as)) < _FEWEST or len(np.unique(self.found_as)) < _FEWEST:
            message = f"{len(rows)} pairs are left: at least {_FEWEST} of different texts on both sides are needed"
            raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])

    def _parted(self) -> dict[str, np.ndarray]:
        """Places by part; all pairs that ask the same are in one."""
        kinds = np.random.default_rng([self.params.seed, 1]).permutation(int(self.asked_as.max()) + 1)
        val = max(1, round(len(kinds) * self.params.validation_fraction))
        test = max(1, round(len(kinds) * self.params.test_fraction)) if self.params.test_fraction else 0
        if len(kinds) - val - test < 2:
            val, test = 1, min(test, 1)
        part = np.full(len(kinds), 2)
        part[kinds[:val]], part[kinds[val : val + test]] = 0, 1
        of = part[self.asked_as]
        return {name: np.flatnonzero(of == number) for number, name in ((2, "train"), (0, "val"), (1, "test"))}

    def texts(self, role: str, places: np.ndarray) -> list[str]:
        """Texts of pairs by place, in their order."""
        name = getattr(self.params, role)
        with open_table(self.opened.folder) as table:
            return joined_texts(table.take(self.rows[places].tolist(), [name]), [name])

    def train(self, start_step: int) -> tf.data.Dataset:
        batch, steps, roles = self.batch_size, self.steps_per_epoch, list(self.tokens)
        orders: dict[int, np.ndarray] = {}

        def read(step: np.int64) -> list[np.ndarray]:
            epoch, place = divmod(int(step), steps)
            if epoch not in orders:
                orders.clear()
                orders[epoch] = np.random.default_rng([self.params.seed, 3, epoch]).permutation(self.places["train"])
            places = orders[epoch][place * batch : (place + 1) * batch]
            begins = np.zeros(len(places), np.int64)
            texts = [trimmed(self.tokens[role].windows(places, begins, self.length)) for role in roles]
            return [*texts, np.stack([self.asked_as[places], self.found_as[places]], 1).astype(np.int32)]

        @tf.autograph.experimental.do_not_convert
        def make(step: Any) -> Any:
            *texts, same = tf.numpy_function(read, [step], [tf.int32] * (len(roles) + 1))
            x = {role: tf.ensure_shape(one, (batch, None)) for role, one in zip(roles, texts, strict=True)}
            return {**x, "same": tf.ensure_shape(same, (batch, 2))}, tf.range(batch)

        return tf.data.Dataset.range(start_step, self.total_steps).map(make).prefetch(4)

    def validation(self) -> None:
        return None  # evaluate() of the recipe does it


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(" ".join(text.split()).encode(), digest_size=8).digest(), "little")


def load_pairs(inputs: Inputs, params: Any, context: Context) -> Pairs:
    """Read the pairs in the role "data" as the encoder in the role "base" reads them. Raises DatasetInvalid."""
    dataset = inputs["data"].dataset
    problems = check_pairs(params, {"data": dataset})
    for field in ("asked", "found", "wrong"):
        name = getattr(params, field)
        if name and dataset.report.column(name) is None:
            problems.append(Problem(field=f"params.{field}", message=f"there is no column {name!r}"))
    if problems:
        raise DatasetInvalid("; ".join(problem.message for problem in problems), problems=problems)
    return Pairs(inputs["data"], inputs["base"], params, context)
