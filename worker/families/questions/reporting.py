"""The full report of a network that answers questions, and the samples on the way."""

from typing import Any

import numpy as np

from shared.errors import cut
from shared.outputs import Cell, Mark, Output, Table, Text
from worker.context import Context
from worker.families.evaluation.folds import over_folds, over_folds_output
from worker.families.evaluation.intervals import interval_output, intervals
from worker.families.questions.answering import Answering, Said
from worker.families.questions.data import Questions
from worker.families.questions.kinds import KINDS
from worker.families.questions.measuring import (
    Scored,
    answers_of,
    each_question,
    figures_of,
    judge_of,
    judged_part,
    measured_places,
    scored,
)
from worker.recipe import Assets, Report

_MISTAKES, _MARKED = 20, 3
_SHOWN = 300  # characters of a cell
_AROUND = 1_000  # characters of a passage on each side of a marked answer
NO_ANSWER = "no answer"


def report_questions(
    model: Any, data: Questions, params: Any, context: Context, stages: list[dict[str, float]]
) -> Report:
    """Figures of every part that was not learnt from, what there is to see of the first, and what the verdict is made of."""
    answering = Answering(model, data.assets, params)
    metrics = over_folds(stages[:-1])
    shown = judged_part(data)
    found: dict[str, tuple[list[int], list[Said], Scored]] = {}
    for part in ("test", "val") if shown != "train" else ("train",):
        if places := measured_places(data, part):
            said = list(answers_of(answering, data, places, context.check))
            measured = scored(data, places, [one.text for one in said])
            found[part] = places, said, measured
            metrics |= {f"{part}_{name}": value for name, value in figures_of(measured).items()}
    places, said, measured = found[shown]
    if answering.knows_none:
        metrics["threshold"] = float(answering.threshold)
    outputs: list[Output] = [_by_kind(measured, shown)]
    spread = intervals(lambda rows: _of_rows(measured, rows), len(places), 1, params.seed, context.check)
    own = {name: metrics[f"{shown}_{name}"] for name in spread if f"{shown}_{name}" in metrics}
    outputs += [interval_output(own, spread, len(places), shown), *over_folds_output(metrics)]
    outputs += _mistakes(data, places, said, measured)
    return Report(metrics, outputs, predictions=measured.f1, judge=judge_of(), rows=len(places))


def _of_rows(measured: Scored, rows: np.ndarray) -> dict[str, float]:
    return {"exact_match": float(measured.exact[rows].mean()), "f1": float(measured.f1[rows].mean())}


def _by_kind(measured: Scored, part: str) -> Table:
    """Figures by language, and by what is asked for."""
    kinds = np.array(measured.kinds)
    groups = {"all": np.ones(len(measured), bool)}
    if measured.unparted.any() and not measured.unparted.all():
        groups |= {"language with spaces": ~measured.unparted, "Chinese, Japanese, Korean": measured.unparted}
    if measured.impossible.any() and not measured.impossible.all():
        groups |= {"with an answer": ~measured.impossible, "without an answer": measured.impossible}
    groups |= {kind: kinds == kind for kind in KINDS}
    rows: list[list[Cell]] = [
        [name, int(some.sum()), round(float(measured.exact[some].mean()), 4), round(float(measured.f1[some].mean()), 4)]
        for name, some in groups.items()
        if some.any()
    ]
    title = f"By what is asked for, {part} part; Chinese, Japanese and Korean by CMRC's rules, all others by SQuAD's"
    return Table(title=title, columns=["questions", "number", "exact match", "F1"], rows=rows, count=len(rows))


def _mistakes(data: Questions, places: list[int], said: list[Said], measured: Scored) -> list[Output]:
    """The surest wrong answers: a table, and the first ones marked in their passages."""
    sure = np.array([one.share_of_none if not one.text else one.answers[0].share for one in said])
    wrong = np.flatnonzero(measured.f1 < 0.5)  # by half at least
    worst = wrong[np.lexsort((-sure[wrong], measured.f1[wrong]))][:_MISTAKES].tolist()
    if not worst:
        return []
    rows: list[list[Cell]] = []
    marked: list[Output] = []
    for at in worst:
        ((_, passage, question),) = each_question(data, [places[at]])
        right = [text for text, _ in question.answers]
        one = said[at]
        told = one.text or NO_ANSWER
        rows.append(
            [cut(question.text, _SHOWN), cut(" | ".join(dict.fromkeys(right)) or NO_ANSWER, _SHOWN), cut(told, _SHOWN),
             round(float(sure[at]), 4), round(float(measured.f1[at]), 4), question.id]
        )  # fmt: skip
        if len(marked) < _MARKED and one.answers and right:
            title = f"{question.text} Right is {right[0]!r}; said was {told!r} ({sure[at]:.0%})"
            spans = [(one.answers[0].start, one.answers[0].end, 1.0)]
            spans += [(start, start + len(text), -1.0) for text, start in question.answers[:1]]
            marked.append(marked_text(cut(title, _SHOWN), passage.text, spans))
    columns = ["question", "right", "said", "how sure", "F1", "id"]
    table = Table(title="The surest mistakes", columns=columns, rows=rows, count=len(rows))
    return [table, *marked]


def marked_text(title: str, passage: str, spans: list[tuple[int, int, float]]) -> Text:
    """A passage with stretches marked, as (start, end, how strongly); of a long one what is around them."""
    low = max(0, min((start for start, _, _ in spans), default=0) - _AROUND)
    high = min(len(passage), max((end for _, end, _ in spans), default=0) + _AROUND)
    before, after = "… " if low else "", " …" if high < len(passage) else ""
    marks = [
        Mark(start=start - low + len(before), end=end - low + len(before), score=score) for start, end, score in spans
    ]
    return Text(title=title, text=f"{before}{passage[low:high]}{after}", marks=marks)


def sample_questions(model: Any, params: Any, assets: Assets, context: Context) -> list[Output]:
    """Answers to a few validation questions, the same ones each time."""
    shown = assets["shown"]
    said = Answering(model, assets, params).of_texts(
        [(one["question"], one["passage"]) for one in shown], check=context.check
    )
    outputs: list[Output] = []
    for one, answer in zip(shown, said, strict=True):
        right = " | ".join(dict.fromkeys(one["answers"])) or NO_ANSWER
        title = f"{one['question']} Right is: {cut(right, _SHOWN)}; said: {cut(answer.text, _SHOWN) or NO_ANSWER}"
        spans = [(best.start, best.end, 1.0) for best in answer.answers[:1] if not answer.none]
        outputs.append(marked_text(title, one["passage"], spans))
    return outputs
