"""An encoder as it came as a classifier without examples: which of the names somebody gives is nearest to a text.

Weak: a name is a word or two, and says little of what is meant. Source: Yin, Hay, Roth 2019, arXiv:1909.00161 (without entailment).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from shared.datasets.tables.reading import open_table
from shared.errors import RecipeFailed, cut
from shared.outputs import Output, Score, Scores, Table
from shared.recipes.text_classifier import TextClassifierBatch, TextClassifierGenerate
from worker.artifacts import Files
from worker.context import Context
from worker.families.going import Going
from worker.families.language.vectors import EncoderVocabulary, TextVectors
from worker.families.row_table import row_table
from worker.families.tables.cells import as_array
from worker.families.tables.named import free_name, refuse_other_columns
from worker.families.text_labels.rows import joined_texts
from worker.families.text_labels.upon_encoder import open_encoder
from worker.families.text_labels.using import typed_texts
from worker.recipe import Inputs, OpenInput, Report

WEAK = "Nearness to the names alone, from no example: weak. Train on texts with labels for answers to rely on."
_SHOWN, _ALONE = 60, 8  # characters of a text above its answer; texts that get an answer each, more come as a table
_AT_ONCE = 1_024  # rows of a table


class Namer:
    """Tells the nearest of the names that a job brings."""

    def __init__(self, opened: OpenInput):
        self._vectors = TextVectors(open_encoder(opened), EncoderVocabulary.of(opened.folder))

    def generate(self, params: TextClassifierGenerate, context: Context, files: Files) -> list[Output]:
        """Answer typed texts. Raises RecipeFailed where no two names are given, or there is nothing to read."""
        names, texts = _names(params), typed_texts(params)
        going = Going(context, "generating", len(texts))
        near = self._near(texts, names, context.check)
        going.done(len(texts))
        going.end()
        if len(texts) > _ALONE:
            return [_as_table(texts, names, near, files)]
        found: list[Output] = []
        for text, row in zip(texts, near, strict=True):
            best = np.argsort(-row, kind="stable")[: params.top_k].tolist()
            items = [Score(name=names[place], value=float(row[place])) for place in best]
            found.append(Scores(title=WEAK, unit="number", subject=cut(" ".join(text.split()), _SHOWN), items=items))
        return found

    def batch(self, params: TextClassifierBatch, inputs: Inputs, context: Context, files: Files) -> Report:
        """Tell the nearest name of every row of a table, in its order."""
        names = _names(params)
        if not params.texts:
            raise RecipeFailed("an encoder as it came knows no columns: name those to read in texts", code="no_columns")
        with open_table(inputs["data"].folder) as table:
            refuse_other_columns(table.columns, params.texts)
            kept = table.columns if params.keep_columns else []
            row, label, *numbers, error = (
                free_name(head, kept)
                for head in ("row", "nearest name", "nearness", *(f"nearness of {name}" for name in names), "error")
            )
            numbers = numbers if params.probabilities else numbers[:1]
            types = {name: table.schema.field(name).type for name in kept}
            types |= {row: pa.int64(), label: pa.string(), error: pa.string(), **dict.fromkeys(numbers, pa.float64())}
            columns = [row, *kept, label, *numbers, error]
            with row_table(files, columns, context=context, file_format=params.format, types=types) as written:
                going = Going(context, "generating", table.num_rows, begun=written.count)
                for start in range(written.count, table.num_rows, _AT_ONCE):
                    stop = min(start + _AT_ONCE, table.num_rows)
                    cells = table.arrays(start, stop)
                    texts = joined_texts(cells, params.texts)
                    near = self._near(texts, names, context.check).astype(np.float64)
                    blank = np.array([not text.strip() for text in texts])
                    told = pa.array(names, pa.string()).take(pa.array(near.argmax(1), mask=blank))
                    shown = [near.max(1), *near.T][: len(numbers)]
                    arrays = [
                        pa.array(np.arange(start + 1, stop + 1)),
                        *(as_array(cells[name]) for name in kept),
                        told,
                        *(pa.array(one, mask=blank) for one in shown),
                        pa.array(["there is no text to read" if one else None for one in blank], pa.string()),
                    ]
                    written.add_batch(pa.RecordBatch.from_arrays(arrays, names=columns))
                    written.keep()
                    going.done(stop - start)
                going.end()
                return Report({}, [written.output(f"{written.count:,} texts. {WEAK}")])

    def _near(self, texts: list[str], names: list[str], check: Callable[[], None]) -> np.ndarray:
        """float32 (texts, names): cosines."""
        return self._vectors.of(texts, check) @ self._vectors.of(names, check).T


def _names(params: Any) -> list[str]:
    """The names, each once. Raises RecipeFailed."""
    names = list(dict.fromkeys(name.strip() for name in params.classes if name.strip()))
    if len(names) < 2:
        message = f"an encoder as it came knows no classes: name two at least in classes, not {len(names)}"
        raise RecipeFailed(message, code="no_classes")
    return names


def _as_table(texts: list[str], names: list[str], near: np.ndarray, files: Files) -> Table:
    heads = ["row", "nearest name", "nearness", "text"]
    best = near.argmax(1)
    arrays = [
        pa.array(range(1, len(texts) + 1)),
        pa.array([names[place] for place in best.tolist()]),
        pa.array(near.max(1).astype(np.float64)),
        pa.array(texts),
    ]
    with row_table(files, heads) as written:
        written.add_batch(pa.RecordBatch.from_arrays(arrays, names=heads))
        return written.output(f"{written.count:,} texts. {WEAK}")
