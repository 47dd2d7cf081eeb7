"""Uses of a network that answers questions: typed in about one passage, or a whole file of them."""

from typing import Any

from shared.errors import RecipeFailed, cut
from shared.outputs import Output, Score, Scores, Table
from shared.recipes.question_answering import MOST_ASKED, QuestionAnsweringBatch, QuestionAnsweringGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.questions.answering import Answering, Said
from worker.families.questions.batching import answer_dataset
from worker.families.questions.reporting import NO_ANSWER, marked_text
from worker.families.row_table import row_table
from worker.recipe import Assets, Inputs, Report

_MARKED = 8  # questions that get their passage marked each; more come as a table
_SHOWN = 300  # characters
_LEAST_MARKED = 0.05  # of the best one's share: what has less is told, and not marked
_HEADS = ["question", "answer", "score", "start"]


class Answerer:
    """A network ready for many jobs."""

    def __init__(self, model: Any, assets: Assets, params: Any):
        self._answering = Answering(model, assets, params)

    def generate(self, params: QuestionAnsweringGenerate, context: Context, files: Files) -> list[Output]:
        """Answer typed questions. Raises RecipeFailed where there is nothing to read or to ask."""
        questions = _questions(params)
        if not params.context.strip():
            raise RecipeFailed("the passage holds nothing to read", code="no_text")
        going = Going(context, "generating", len(questions))
        outputs: list[Output] = []
        found: list[Said] = []
        for question in questions:
            found += self._answering.of_texts([(question, params.context)], params.top_k, context.check)
            going.done(1)
        going.end()
        if not any(said.answers for said in found):
            raise RecipeFailed("the passage holds nothing that this model's tokenizer knows", code="no_text")
        if len(questions) > _MARKED:
            return [_as_table(questions, found, files)]
        for question, said in zip(questions, found, strict=True):
            outputs += _shown(question, params.context, said)
        return outputs

    def batch(self, params: QuestionAnsweringBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Answer every question of a dataset, in its order, into a file. Its figures are told where it holds the answers."""
        return answer_dataset(self._answering, params, inputs["data"], context, files)


def _shown(question: str, passage: str, said: Said) -> list[Output]:
    """The passage with the answers marked, each as strongly as it is likely beside the best; and all with their shares."""
    asked = cut(" ".join(question.split()), _SHOWN)
    best = said.answers[0].share
    told = f"{cut(said.text, _SHOWN)} ({best:.0%})" if not said.none else "none in this passage"
    near = [one for one in said.answers if not said.none and one.share >= _LEAST_MARKED * best]
    spans = [(one.start, one.end, one.share / best) for one in near]
    items = [
        Score(name=cut(one.text, _SHOWN), value=one.share, note=f"characters {one.start} to {one.end}")
        for one in said.answers
    ]
    if said.share_of_none:
        place = 0 if said.none else len(items)
        items.insert(place, Score(name=NO_ANSWER, value=said.share_of_none, note="said" if said.none else ""))
    return [marked_text(f"{asked} Answer: {told}", passage, spans), Scores(subject=asked, items=items)]


def _as_table(questions: list[str], found: list[Said], files: Files) -> Table:
    with row_table(files, _HEADS) as written:
        for question, said in zip(questions, found, strict=True):
            best = said.answers[0] if not said.none else None
            written.add(
                [
                    question,
                    said.text or NO_ANSWER,
                    best.share if best else said.share_of_none,
                    best.start if best else None,
                ]
            )
        return written.output(f"{len(questions):,} questions")


def _questions(params: QuestionAnsweringGenerate) -> list[str]:
    """What was typed in. Raises RecipeFailed."""
    found = [line.strip() for line in params.question.splitlines()] if params.by_line else [params.question]
    found = [question for question in found if question.strip()]
    if not found:
        raise RecipeFailed("there is no question", code="no_text")
    if len(found) > MOST_ASKED:
        message = f"{len(found):,} lines; at most {MOST_ASKED} questions are typed in at once: upload them as a table"
        raise RecipeFailed(message, code="too_many_texts")
    return found
