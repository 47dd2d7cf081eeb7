"""Rows of an imported table are read by number, wherever they lie, without reading the rest."""

from datetime import datetime

import pytest

from shared.datasets.tables import rows
from shared.datasets.tables.reading import open_table
from shared.errors import DatasetInvalid
from shared.volume.volume import Volume
from tests.support.tables import table


@pytest.fixture
def volume(tmp_path):
    return Volume(tmp_path / "data")


@pytest.fixture
def folder(volume, monkeypatch):
    """A table of 100 rows in batches of at most 7, some of them left out."""
    monkeypatch.setattr(rows, "_MOST_ROWS", 7)
    written = "".join(f"{i},w{i},2020-01-01,{'true' if i % 2 else ''}\n" if i % 10 else f"{i}\n" for i in range(1, 112))
    dataset = table(volume, f"n,word,day,odd\n{written}", bad_rows="drop")
    return volume.dataset_dir(dataset.id)


def test_rows_are_found_across_batches(folder):
    numbers = [i for i in range(1, 112) if i % 10]
    with open_table(folder) as reader:
        assert (reader.num_rows, reader.columns) == (100, ["n", "word", "day", "odd"])
        assert reader.column("n") == numbers
        for start, stop in [(0, 0), (0, 1), (3, 20), (6, 7), (7, 14), (99, 100), (100, 100)]:
            assert reader.column("n", start, stop) == numbers[start:stop]
            assert [row["word"] for row in reader.rows(start, stop)] == [f"w{n}" for n in numbers[start:stop]]
        assert reader.rows(1, 2) == [{"n": 2.0, "word": "w2", "day": datetime(2020, 1, 1), "odd": None}]
        assert reader.take([5, 0, 99, 5], ["n"])["n"].to_pylist() == [numbers[5], 1, numbers[99], numbers[5]]
        shuffled = [(i * 37) % 100 for i in range(100)]
        taken = reader.take(shuffled)
        assert taken["n"].to_pylist() == [numbers[row] for row in shuffled]
        assert taken["word"].to_pylist() == [f"w{numbers[row]}" for row in shuffled]
        assert reader.take([], ["n"])["n"].to_pylist() == []
        assert sum(len(batch) for batch in reader.batches()) == 100


def test_kinds_are_those_of_the_report(folder):
    with open_table(folder) as reader:
        assert reader.kinds == {"n": "number", "word": "id", "day": "constant", "odd": "constant"}


def test_arrays_become_those_of_numpy_without_a_copy(folder):
    with open_table(folder) as reader:
        (chunk,) = reader.arrays(0, 5, ["n"])["n"].chunks
        assert chunk.to_numpy(zero_copy_only=True).tolist() == [1, 2, 3, 4, 5]
    assert chunk.to_pylist() == [1, 2, 3, 4, 5]  # also when the table is closed


def test_what_is_not_there_is_an_error_that_names_it(folder):
    with open_table(folder) as reader:
        with pytest.raises(KeyError, match="no column 'age'; there are n, word"):
            reader.column("age")
        for start, stop in [(0, 101), (-1, 5), (5, 4)]:
            with pytest.raises(IndexError):
                reader.rows(start, stop)
        for row in (-1, 100):
            with pytest.raises(IndexError):
                reader.take([0, row])


def test_a_damaged_file_is_said_to_be_one(folder):
    path = folder / "files" / "table.arrow"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DatasetInvalid, match=r"table\.arrow is damaged"):
        open_table(folder)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        open_table(folder)
