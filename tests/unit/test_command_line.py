"""What is typed on a command line: a ~ that the shell has left, numbers and ports that are none; never a traceback."""

from pathlib import Path

import pytest

from cli import inputs, params
from cli.main import main, parser
from cli.paths import home


@pytest.fixture
def at_home(monkeypatch, tmp_path):
    """A home of one's own, with a file x.txt, and another folder to stand in."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "x.txt").write_text("床前明月光", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("up --data ~/x", "data"),
        ("demo --data ~/x", "data"),
        ("doctor --data ~/x", "data"),
        ("reindex --data ~/x", "data"),
        ("keys create --owner ann --data ~/x", "data"),
        ("backup ~/x", "folder"),
        ("restore ~/x", "folder"),
        ("datasets upload ~/x", "paths"),
        ("files upload ~/x", "paths"),
        ("models import ~/x", "path"),
        ("outputs JOB --download ~/x", "download"),
        ("download JOB NAME --to ~/x", "to"),
    ],
)
def test_a_home_that_the_shell_has_left_is_found_at_every_place_of_a_path(at_home, line, name):
    options, rest = parser().parse_known_args(line.split())
    found = getattr(options, name)
    assert (found[0] if isinstance(found, list) else found) == at_home / "x" and rest == []


def test_a_param_that_is_read_from_a_file_or_holds_files_finds_them_at_home(at_home):
    assert params._value(["string"], "@~/x.txt") == "床前明月光"
    assert params._paths("~/x.txt") == [at_home / "x.txt"] == params._paths("@~/x.txt")
    schema = {"properties": {"pictures": {"widget": "files"}}}
    assert params.word_param(schema, ["~/x.txt"]) == "pictures"


def test_an_input_of_a_job_is_uploaded_from_home(at_home, monkeypatch):
    sent: list[Path] = []
    monkeypatch.setattr(inputs, "upload_dataset", lambda client, paths: sent.extend(paths) or {"id": "7"})
    role = {"formats": ["text"], "recipes": [], "bases": []}
    assert inputs._found(None, role, "~/x.txt") == {"dataset_id": "7"}  # pyright: ignore[reportArgumentType]
    assert sent == [at_home / "x.txt"]


def test_where_there_is_no_such_user_a_path_stays_as_it_is_typed():
    assert home("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")


def test_an_empty_folder_is_refused_rather_than_filled(capsys):
    with pytest.raises(SystemExit) as stopped:
        parser().parse_args(["up", "--data", " "])
    assert stopped.value.code == 2 and "is empty: give the path of a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("up --port abc", "'abc' is no whole number"),
        ("up --train-workers 1.5", "'1.5' is no whole number"),
        ("jobs --limit many", "'many' is no whole number"),
        ("submit train gpt --hours soon", "'soon' is no number"),
        ("submit train gpt --hours inf", "'inf' has no end"),
    ],
)
def test_a_number_that_is_none_is_told_without_a_word_of_python(capsys, line, said):
    with pytest.raises(SystemExit) as stopped:
        main(line.split())
    told = capsys.readouterr().err
    assert stopped.value.code == 2 and said in told
    assert not {"int", "float", "Traceback"} & set(told.split())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("up --port 70000", "TRAINYARD_PORT: must be at most 65,535"),
        ("up --redis-url redis://127.0.0.1:99999/0", "TRAINYARD_REDIS_URL"),
        ("--url http://127.0.0.1:99999 jobs", "its port a number up to 65535"),
        ("--url http://127.0.0.1:x jobs", "its port a number up to 65535"),
    ],
)
def test_a_port_that_is_none_is_told_by_the_command_line(capsys, tmp_path, monkeypatch, line, said):
    monkeypatch.setenv("TRAINYARD_DATA", str(tmp_path / "data"))
    code = main(line.split())
    told = capsys.readouterr().err
    assert code in (1, 2, 3) and said in told and "Traceback" not in told
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("line", ["backup copy", "reindex"])
def test_an_installation_that_nobody_named_is_not_taken_for_the_folder_one_stands_in(
    capsys, tmp_path, monkeypatch, line
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TRAINYARD_DATA", raising=False)
    code = main(line.split())
    assert code == 2 and "no volume is named: give it by --data or TRAINYARD_DATA" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_params_on_a_command_line_name_what_is_no_file():
    with pytest.raises(ValueError, match="no such file"):
        params._paths("~nobody-of-this-name/x.png")
