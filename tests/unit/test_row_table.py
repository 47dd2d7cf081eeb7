"""The file that a batch leaves: its formats, and that a kill costs no row and doubles none."""

import contextlib
import csv
import io
import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from shared.errors import Drained
from shared.ids import new_id
from shared.volume.volume import Volume
from worker import spool
from worker.artifacts import publishing
from worker.context import Context
from worker.families.row_table import row_table

COLUMNS = ["row", "名", "when", "sure"]
TYPES = {"row": pa.int64(), "when": pa.timestamp("us"), "sure": pa.float64()}
ROWS, PIECE = 2_300, 100


def _pieces(first: int) -> Any:
    """Rows from `first` on, some at a time: words with marks of their own, moments, missing ones."""
    for start in range(first, ROWS, PIECE):
        numbers = range(start, min(start + PIECE, ROWS))
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(numbers, pa.int64()),
                pa.array([None if n % 7 == 0 else f'a "{n}", 床\n前' for n in numbers]),
                pa.array([datetime(2020, 1, 1 + n % 28, 12 * (n % 2)) for n in numbers], pa.timestamp("us")),
                pa.array([n / 8 for n in numbers]),
            ],
            names=COLUMNS,
        )


@contextlib.contextmanager
def _table(volume: Volume, data: Path, columns: list[str], **options: Any) -> Any:
    """(a table, outputs to be filled); published at the end, its output the last of them."""
    with publishing(volume, data / "made") as (files, outputs), row_table(files, columns, **options) as table:
        yield table, outputs
        outputs.append(table.output("all"))


def _write(data: Path, job_id: str, attempt: int, file_format: str, die_at: int, by_row: bool = False) -> list[int]:
    """One attempt; killed by itself when it comes to row die_at. Returns the rows it began at, and what was summed up."""
    volume = Volume(data)
    context = Context(volume.start_attempt(job_id, attempt), volume, job_id, attempt)
    with _table(volume, data, COLUMNS, context=context, file_format=file_format, types=TYPES) as (table, _):
        began, total = table.count, table.state.get("total", 0)
        for batch in _pieces(began):
            if by_row:
                for row in batch.to_pylist():
                    table.add([row["row"], row["名"], row["when"].isoformat(" "), row["sure"]])
            else:
                table.add_batch(batch)
            if table.count >= die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            total += sum(batch.column(0).to_pylist())
            table.keep({"total": total})
    spool.drop(context)
    return [began, total]


if __name__ == "__main__":
    spool._MARK_S = 0.0
    _write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))


def _volume(tmp_path: Path) -> tuple[Volume, str]:
    volume = Volume(tmp_path)
    volume.ensure()
    return volume, new_id()


def _rows(folder: Path, file_format: str) -> list[dict[str, Any]]:
    path = folder / f"rows.{file_format}"
    if file_format == "parquet":
        return parquet.read_table(path).to_pylist()
    if file_format == "jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


@pytest.mark.makes_staging
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_batch_that_is_killed_again_and_again_holds_every_row_once(tmp_path, file_format):
    volume, job_id = _volume(tmp_path)
    for attempt, die_at in ((1, 700), (2, 2_000)):
        command = [sys.executable, "-m", "tests.unit.test_row_table"]
        died = subprocess.run([*command, str(tmp_path), job_id, str(attempt), file_format, str(die_at)], timeout=60)
        assert died.returncode == -signal.SIGKILL
    began, total = _write(tmp_path, job_id, 3, file_format, ROWS + 1)
    assert began == 1_900, "what was marked before the last kill, and nothing of what came after"
    assert total == sum(range(ROWS))
    made = _rows(tmp_path / "made", file_format)
    assert [int(row["row"]) for row in made] == list(range(ROWS))
    assert made[701]["名"] == 'a "701", 床\n前' and made[700]["名"] in (None, "")
    assert str(made[28]["when"])[:10] == "2020-01-01" and float(made[9]["sure"]) == 9 / 8
    left = [path.name for path in volume.job_dir(job_id).rglob("*")]
    left = [name for name in left if not name.startswith("attempt-")]
    assert left == [], "nothing is left of what the attempts kept"


def test_an_attempt_that_is_stopped_in_order_loses_nothing_at_all(tmp_path):
    volume, job_id = _volume(tmp_path)
    context = Context(volume.start_attempt(job_id, 1), volume, job_id, 1)
    with pytest.raises(Drained), _table(volume, tmp_path, COLUMNS, context=context, types=TYPES) as (table, _):
        table.add_batch(next(_pieces(0)))
        table.keep({"total": 1})
        raise Drained("a deploy")
    assert not (tmp_path / "made").exists()
    assert _write(tmp_path, job_id, 2, "csv", ROWS + 1)[0] == PIECE
    assert len(_rows(tmp_path / "made", "csv")) == ROWS


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_what_is_damaged_is_written_anew(tmp_path, damage):
    volume, job_id = _volume(tmp_path)
    context = Context(volume.start_attempt(job_id, 1), volume, job_id, 1)
    with pytest.raises(Drained), _table(volume, tmp_path, COLUMNS, context=context, types=TYPES) as (table, _):
        table.add_batch(next(_pieces(0)))
        table.keep()
        raise Drained("a deploy")
    part = volume.attempt_dir(job_id, 1) / "rows" / "rows.part"
    if damage == "gone":
        part.unlink()
    else:
        whole = part.read_bytes()
        part.write_bytes(whole[:-1] if damage == "cut" else whole[:-1] + b"!")
    assert _write(tmp_path, job_id, 2, "csv", ROWS + 1)[0] == 0
    assert [int(row["row"]) for row in _rows(tmp_path / "made", "csv")] == list(range(ROWS))


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_rows_added_one_by_one_are_the_same_as_many_at_once(tmp_path, file_format):
    found = []
    for by_row in (False, True):
        _write(tmp_path, _volume(tmp_path)[1], 1, file_format, ROWS + 1, by_row)
        rows = _rows(tmp_path / "made", file_format)
        found.append([(int(row["row"]), row["名"] or "", float(row["sure"])) for row in rows])
        (tmp_path / "made").rename(tmp_path / f"made {by_row}")
    assert found[0] == found[1] and len(found[0]) == ROWS


def test_parquet_keeps_the_types_of_cells_added_one_by_one(tmp_path):
    options = {"file_format": "parquet", "types": {"b": pa.float64()}}
    with _table(_volume(tmp_path)[0], tmp_path, ["a", "b"], **options) as (table, outputs):
        for row in ([1, 2.5], [None, None], ["x", 3]):
            table.add(row)
    assert _rows(tmp_path / "made", "parquet") == [{"a": "1", "b": 2.5}, {"a": None, "b": None}, {"a": "x", "b": 3.0}]
    assert outputs[0].count == 3 and outputs[0].file == "rows.parquet"


def test_infinite_numbers_are_null_in_json_lines(tmp_path):
    with _table(_volume(tmp_path)[0], tmp_path, ["a"], file_format="jsonl") as (table, _):
        table.add_batch(pa.RecordBatch.from_arrays([pa.array([1.0, float("inf")])], names=["a"]))
    assert _rows(tmp_path / "made", "jsonl") == [{"a": 1.0}, {"a": None}]


def test_a_title_says_how_many_rows_have_an_error_and_no_answer(tmp_path):
    volume, job_id = _volume(tmp_path)
    context = Context(volume.start_attempt(job_id, 1), volume, job_id, 1)
    with pytest.raises(Drained), _table(volume, tmp_path, ["a", "error"], context=context) as (table, _):
        table.add([1.0, "no number"])
        table.add([2.0, None])
        table.keep()
        raise Drained("a deploy")
    context = Context(volume.start_attempt(job_id, 2), volume, job_id, 2)
    with _table(volume, tmp_path, ["a", "error"], context=context) as (table, _):
        cells = [pa.array([3.0, None]), pa.array([None, "no number"])]
        table.add_batch(pa.RecordBatch.from_arrays(cells, names=["a", "error"]))
        assert table.done("rows predicted").title == "2 of 4 rows predicted, 2 with an error instead"
    (tmp_path / "all").mkdir()
    with _table(volume, tmp_path / "all", ["a", "error"]) as (table, _):
        table.add([1.0, None])
        assert table.done("rows predicted").title == "1 rows predicted"
