"""What lies on the user's disk, as the command line sends it: old files, odd names, pipes, tables with bad rows."""

import os
import threading
from pathlib import Path

import pytest

from cli.main import main

TEXT = "A text that is long enough to be learnt from.\n" * 20


@pytest.fixture
def trainyard(stack, capsys):
    """Runs a command; gives (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["--url", stack.url, *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def _id(out: str) -> str:
    return out.split()[1].rstrip(":")


def test_a_folder_of_files_from_before_1980_is_sent(trainyard, tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "poem.txt").write_text(TEXT)
    os.utime(folder / "poem.txt", (0, 0))
    code, out, err = trainyard("datasets", "upload", str(folder))
    assert code == 0, err
    assert trainyard("datasets", "delete", _id(out))[0] == 0


def test_a_folder_of_texts_in_class_folders_is_a_table_of_labels(trainyard, tmp_path):
    for label in ("好", "坏"):
        (tmp_path / "moods" / label).mkdir(parents=True)
        for n in range(4):
            (tmp_path / "moods" / label / f"{n}.txt").write_bytes(f"{label}的第{n}篇，我们说了不少。".encode("gb18030"))
    (tmp_path / "moods" / "好" / "empty.txt").touch()
    code, _, err = trainyard("datasets", "upload", str(tmp_path / "moods"))
    assert code == 2 and "好/empty.txt: is empty" in err and "--option bad_rows=drop" in err
    code, out, err = trainyard("datasets", "upload", str(tmp_path / "moods"), "--option", "bad_rows=drop")
    assert code == 0, err
    assert (
        "text_folders" in out
        and "8 texts recognised as GB18030" in out
        and "1 text that cannot be used left out" in out
    )
    code, shown, _ = trainyard("datasets", "preview", _id(out))
    assert code == 0 and "8 rows" in shown and "坏的第3篇" in shown
    assert trainyard("datasets", "delete", _id(out))[0] == 0


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_name_that_is_not_utf8_is_refused_in_a_sentence(trainyard, tmp_path, as_folder):
    folder = tmp_path / "names"
    folder.mkdir()
    name = os.fsdecode("K\xf6ln.txt".encode("latin-1"))
    (folder / name).write_text(TEXT)
    code, _, err = trainyard("datasets", "upload", str(folder if as_folder else folder / name))
    assert code == 2
    assert "is not UTF-8" in err and "Traceback" not in err


def test_a_pipe_is_read_to_its_end_and_called_as_it_is_named(trainyard, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(TEXT,))
    writer.start()
    code, out, err = trainyard("datasets", "upload", str(pipe), "--name", "piped.txt")
    writer.join()
    assert code == 0, err
    assert "piped.txt, text" in out
    assert trainyard("datasets", "delete", _id(out))[0] == 0


def test_a_device_is_no_file(trainyard):
    code, _, err = trainyard("datasets", "upload", "/dev/zero")
    assert code == 2
    assert "is a device" in err


def test_a_folder_is_no_single_file(trainyard, tmp_path):
    code, _, err = trainyard("files", "upload", str(tmp_path))
    assert code == 2
    assert "is a folder" in err


def _table(folder: Path) -> str:
    path = folder / "houses.csv"
    rows = [f"{number},{number % 7},{number * 3}" for number in range(1, 120)]
    rows[49] = "50,1"  # a cell is missing
    path.write_text("\n".join(["id,rooms,price", *rows, ""]))
    return str(path)


def test_bad_rows_are_refused_with_a_way_on_that_can_be_typed(trainyard, tmp_path):
    path = _table(tmp_path)
    code, _, err = trainyard("datasets", "upload", path)
    assert code == 2
    assert "line 51" in err
    assert "--option bad_rows=drop` would:" in err
    code, out, err = trainyard("datasets", "upload", path, "--option", "bad_rows=drop")
    assert code == 0, err
    assert "118 rows" in out and "left out: 1 broken" in out
    assert "rooms\tnumber\t7\t0\t0 to 6" in out
    code, shown, _ = trainyard("datasets", "report", _id(out))
    assert (code, "id\tnumber\t118" in shown, "like an id" in shown) == (0, True, True)
    assert trainyard("datasets", "delete", _id(out))[0] == 0


@pytest.mark.parametrize("option", ["bad_rows", "=drop", "colour=red", "bad_rows=burn"])
def test_an_option_that_is_none_is_refused(trainyard, tmp_path, option):
    code, _, err = trainyard("datasets", "upload", _table(tmp_path), "--option", option)
    assert code == 2
    assert "Traceback" not in err


def test_a_format_that_is_none_is_refused_with_the_known_ones(trainyard, tmp_path):
    code, _, err = trainyard("datasets", "upload", _table(tmp_path), "--format", "cobol")
    assert code == 2
    assert "table" in err
