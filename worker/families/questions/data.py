"""Makes passages and questions ready for a training: cleaned, split by passage, cut into windows, in batches by seed and step."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from shared.bases.manifest import TOKENIZER
from shared.errors import DatasetInvalid, Problem
from shared.recipes.question_answering import FEWEST_PASSAGES
from worker.context import Context
from worker.families.language.vectors import EncoderVocabulary
from worker.families.questions.answering import Pair, held_arrays
from worker.families.questions.cut import Cut, cut_all
from worker.families.questions.cutting import learn_pieces, tokenizer_array
from worker.families.questions.network import traits_of
from worker.families.questions.passages import Asked, Passages, read_asked
from worker.families.questions.windows import Frame, filled
from worker.families.splitting import Split, fold_rows, split_rows
from worker.families.text.tokens import LEARNT_FROM
from worker.families.text_labels.tokens import alike_in_length
from worker.families.text_labels.upon_encoder import encoder_json
from worker.recipe import Assets, Data, Inputs, Lazily, OpenInput

AUTO_STEPS, AUTO_EPOCHS, ENCODER_EPOCHS = 1_500, (2, 20), (2, 6)  # a guess
STEPS_AN_EPOCH = 8  # at least, where there are questions enough for batches of 4
HELD = 120  # validation questions that go with a model: its threshold is chosen on them
SHOWN = 4  # validation questions that answers are shown on
_SHOWN_CHARACTERS = 2_000


class Questions(Data):
    """Batches are (windows int32 (batch, 2, time), ends int32 (batch, 2)): see windows.py; ends are the first and last token of
    the answer in the window, 0 and 0 where it has none.

    asked: all questions. places: of those of each part. cut: all of them as tokens. A window of a long passage without the answer
    teaches that there is none in it. The tokenizer is learnt from the training part alone.
    """

    def __init__(
        self,
        opened: OpenInput,
        passages: Passages,
        asked: Asked,
        split: Split,
        params: Any,
        context: Context,
        *,
        base: OpenInput | None = None,
        fold: bool = False,
    ):
        self.opened, self.passages, self.asked, self.params, self.context = opened, passages, asked, params, context
        self.base, self.is_fold = base, fold
        self.places = {"train": split.train, "val": split.val, "test": split.test}
        self.split = {part: len(places) for part, places in self.places.items()}
        self.notes = list(split.notes)
        definition = self._learnt() if base is None else (base.folder / TOKENIZER).read_text(encoding="utf-8")
        self.vocabulary = EncoderVocabulary(definition)
        self.cut: Cut = cut_all(opened, passages, asked, self.vocabulary, context)
        room = params.max_length if base is None else min(params.max_length, base.base.config.context)
        self.frame = Frame.of(self.vocabulary, room, params)
        self._windows()
        size = len(self._owners)
        self.batch_size = max(1, min(params.batch_size, max(size // STEPS_AN_EPOCH, min(size, 4))))
        self.steps_per_epoch = max(1, size // self.batch_size)  # what is left over differs from epoch to epoch
        low, high = AUTO_EPOCHS if base is None else ENCODER_EPOCHS
        epochs = params.epochs or min(max(round(AUTO_STEPS / self.steps_per_epoch), low), high)
        self.total_steps = epochs * self.steps_per_epoch
        self.assets = self._assets()

    def _learnt(self) -> str:
        """A tokenizer of the training part's passages and questions, or of a sample of them where they are very long."""
        wanted = np.unique(self.asked.passages[self.places["train"]])
        every = max(1, -(-self.passages.bytes // LEARNT_FROM))

        def texts() -> Any:
            for place, number in enumerate(wanted[::every].tolist()):
                if place % 64 == 0:
                    self.context.check()
                passage = self.passages.read(number)
                yield passage.text
                yield from (question.text for question in passage.questions)

        return learn_pieces(texts(), self.params.vocabulary_size)

    def _windows(self) -> None:
        """All windows of the training part, a row each: whose, which, how long, and the ends of the answer in it."""
        train, cut, frame = self.places["train"], self.cut, self.frame
        long_questions, long_passages = cut.questions.lengths, cut.passages.lengths[self.asked.passages]
        counts = frame.counts(long_questions[train], long_passages[train])
        self._owners = np.repeat(train, counts)
        numbers = np.arange(len(self._owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        asked, passage = long_questions[self._owners], long_passages[self._owners]
        self._starts = frame.start(asked, passage, numbers)
        room = frame.length - frame.beside(asked)
        self._sizes = np.minimum(room, passage)
        first, last = (array[self._owners] for array in self._learnt_answers())
        inside = (first >= self._starts) & (last < self._starts + self._sizes) & (first >= 0)
        begins = len(frame.before) + np.minimum(asked, frame.longest_question) + len(frame.between)
        ends = np.stack([first, last], 1) - self._starts[:, None] + begins[:, None]
        self._ends = np.where(inside[:, None], ends, 0).astype(np.int32)
        there = first >= 0
        several = int((counts > 1).sum())
        if several:
            empty = int((there & ~inside).sum())
            self.notes.append(
                f"{several:,} questions are read in windows, {len(self._owners):,} in all; {empty:,} of these do not hold the "
                "answer, and teach that there is none in them"
            )
        if cut_short := int((long_questions > frame.longest_question).sum()):
            self.notes.append(
                f"{cut_short:,} questions are longer than {frame.longest_question} tokens: their ends are not read"
            )

    def _learnt_answers(self) -> tuple[np.ndarray, np.ndarray]:
        """(first, last) token of the answer that is learnt, the first one said: int64 (questions,); -1 for none."""
        golds = self.cut.golds
        first, last = (np.full(len(self.asked), -1, np.int64) for _ in range(2))
        questions, at = np.unique(golds.questions, return_index=True)
        first[questions], last[questions] = golds.first[at], golds.last[at]
        return first, last

    def _assets(self) -> Assets:
        train = self.places["train"]
        knows_none = bool(self.asked.impossible[train].any())
        json = {"length": self.frame.length, "knows_none": knows_none, "shown": self._shown()}
        arrays = {"tokenizer": tokenizer_array(self.vocabulary.definition)}
        if knows_none:
            held = self.drawn(self.places["val"] if len(self.places["val"]) else train, HELD, 4)
            arrays |= held_arrays([self.pair(place) for place in held], [self.cut.golds.of(place) for place in held])
        if self.base is not None:
            return Assets(json | encoder_json(self.base), arrays)
        return Assets(json, arrays | {"traits": self._traits()})

    def _traits(self) -> np.ndarray:
        wanted = np.unique(self.asked.passages[self.places["train"]])
        counts = np.zeros(self.vocabulary.size, np.int64)
        for number in wanted.tolist():
            self.context.check()
            counts[np.unique(self.cut.passages.text(number))] += 1
        return traits_of(self.vocabulary.tokens(), counts, len(wanted))

    def _shown(self) -> list[dict[str, Any]]:
        """A few validation questions with passages that are not too long."""
        pool = self.places["val"] if len(self.places["val"]) else self.places["train"]
        found: list[dict[str, Any]] = []
        for place in np.random.default_rng([self.params.seed, 2]).permutation(pool)[:50].tolist():
            passage = self.passages.read(int(self.asked.passages[place]))
            question = passage.questions[int(self.asked.places[place])]
            if len(passage.text) <= _SHOWN_CHARACTERS and len(found) < SHOWN:
                answers = [text for text, _ in question.answers]
                found.append({"question": question.text, "passage": passage.text, "answers": answers})
        return found

    def drawn(self, places: np.ndarray, most: int, stream: int) -> list[int]:
        """All of these, or as many as are sensible, drawn by the seed; rising."""
        if len(places) > most:
            places = np.sort(np.random.default_rng([self.params.seed, stream]).choice(places, most, replace=False))
        return places.tolist()

    def pair(self, place: int) -> Pair:
        """A question and its passage as tokens."""
        return self.cut.questions.text(place), self.cut.passages.text(int(self.asked.passages[place]))

    def train(self, start_step: int) -> tf.data.Dataset:
        batch, steps = self.batch_size, self.steps_per_epoch
        kept: dict[int, np.ndarray] = {}  # order of the epoch that is read

        def read(step: np.int64) -> list[np.ndarray]:
            epoch, place = divmod(int(step), steps)
            if epoch not in kept:
                kept.clear()
                rng = np.random.default_rng([self.params.seed, 3, epoch])
                rows = rng.permutation(len(self._owners))
                kept[epoch] = alike_in_length(rows, self._sizes, batch, rng)
            rows = kept[epoch][place * batch : (place + 1) * batch]
            return [filled([self._row(row) for row in rows.tolist()]), self._ends[rows]]

        @tf.autograph.experimental.do_not_convert
        def make(step: Any) -> Any:
            windows, ends = tf.numpy_function(read, [step], (tf.int32, tf.int32))
            return tf.ensure_shape(windows, (batch, 2, None)), tf.ensure_shape(ends, (batch, 2))

        return tf.data.Dataset.range(start_step, self.total_steps).map(make).prefetch(4)

    def _row(self, row: int) -> Pair:
        owner = int(self._owners[row])
        number = int(self.asked.passages[owner])
        passage = self.cut.passages.stretch(number, int(self._starts[row]), int(self._sizes[row]))
        return self.frame.row(self.cut.questions.text(owner), passage)

    def validation(self) -> None:
        return None  # evaluate() of the recipe does it


def load_questions(inputs: Inputs, params: Any, context: Context) -> Questions:
    """Read, clean and split the dataset in the role "data". Raises DatasetInvalid with every problem found."""
    opened = inputs["data"]
    passages = Passages(opened.folder)
    asked = read_asked(passages, context.check)
    groups = np.unique(asked.groups)
    if len(groups) < FEWEST_PASSAGES or asked.impossible.all():
        message = f"there are {len(groups)} different passages with questions: {FEWEST_PASSAGES} at least are needed, to learn "
        message += "from some and test on others"
        if len(asked) and asked.impossible.all():
            message = "no question has an answer: there is nothing to learn to find"
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
    data = Questions(opened, passages, asked, _split(asked, groups, params), params, context, base=inputs.get("base"))
    if not (data.cut.golds.first[np.isin(data.cut.golds.questions, data.places["train"])] >= 0).any():
        message = "no question of the training part has an answer: give it more of them, or test on fewer"
        raise DatasetInvalid(message, problems=[Problem(field="inputs.data", message=message)])
    data.notes[:0] = _told(data)
    return data


def _told(data: Questions) -> list[str]:
    asked, cut = data.asked, data.cut
    found = [f"{len(asked):,} questions about {len(np.unique(asked.groups)):,} different passages"]
    if asked.impossible.any():
        found[0] += f"; {int(asked.impossible.sum()):,} have no answer"
    counts = {part: len(np.unique(asked.groups[places])) for part, places in data.places.items() if len(places)}
    found.append("split by passage: " + ", ".join(f"{count:,} for {part}" for part, count in counts.items()))
    if cut.within:
        found.append(f"{cut.within:,} answers begin or end within a token: the whole tokens are learnt")
    if cut.lost:
        found.append(f"{cut.lost:,} answers are of characters that the tokenizer knows nothing of, and are not learnt")
    golds = cut.golds
    if longer := int((golds.last - golds.first >= data.params.max_answer).sum()):
        found.append(f"{longer:,} answers are longer than {data.params.max_answer} tokens, and cannot be given whole")
    if not len(data.places["test"]):
        found.append(
            "no test part: the figures are of questions that the best state was chosen by, and a little too good"
        )
    return [*asked.notes, *found]


def _split(asked: Asked, groups: np.ndarray, params: Any) -> Split:
    return _of_groups(
        split_rows(groups, None, None, params.validation_fraction, params.test_fraction, params.seed), asked
    )


def _of_groups(split: Split, asked: Asked) -> Split:
    """All questions go where their passage has gone."""
    train, val, test = (np.flatnonzero(np.isin(asked.groups, some)) for some in (split.train, split.val, split.test))
    return Split(train, val, test, split.notes)


def fold_stages(data: Questions) -> Sequence[Data]:
    """k folds over the passages that are not the test part's, and the training as a whole; one fold is in memory at a time."""
    params, asked = data.params, data.asked
    if not params.folds:
        return [data]
    groups = np.setdiff1d(np.unique(asked.groups), asked.groups[data.places["test"]])
    if params.folds > len(groups):
        message = f"{params.folds} folds of {len(groups)} passages: at most {len(groups)}"
        raise DatasetInvalid(message, problems=[Problem(field="params.folds", message=message)])
    splits = fold_rows(groups, None, params.folds, params.validation_fraction, params.seed)

    def fold(split: Split) -> Questions:
        parted = _of_groups(split, asked)
        return Questions(data.opened, data.passages, asked, parted, params, data.context, base=data.base, fold=True)

    return Lazily([*(partial(fold, split) for split in splits), lambda: data])
