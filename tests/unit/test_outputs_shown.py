"""Outputs of all eight kinds as the command line shows them: drawn within a terminal's width, whole where a program reads."""

import io
import re

import pytest

from cli import outputs as shown
from cli.outputs import show
from cli.screen import width
from shared.errors import TrainyardError
from shared.outputs import (
    KINDS,
    Band,
    Box,
    Boxes,
    Line,
    Mark,
    Mask,
    MaskClass,
    Matrix,
    Output,
    Picture,
    Score,
    Scores,
    Series,
    Table,
    Text,
)

LONG = "一只在树上睡觉的时候被拍下来的猫科动物，名字很长很长"
DAYS = [f"2024-01-{day:02d}T00:00:00Z" for day in range(1, 29)]
ONE_OF_EACH: list[Output] = [
    Text(title="诗", text="床前明月光，\n疑是地上霜。\n", prompt="李白："),
    Scores(title="what it shows", subject="照片.jpg", items=[Score(name=LONG, value=0.9, note=LONG * 3)]),
    Table(title="行", columns=["name", "城市"], rows=[[LONG * 4, "北京"], ["Bob", None]], count=1234, file="all.csv"),
    Picture(title="网格", file="grid.png", legend=[("red", LONG * 3)]),
    Boxes(title="found", picture="street.png", size=(640, 480), boxes=[Box(x0=1, y0=2, x1=30, y1=40, label=LONG * 3)]),
    Mask(title="parts", picture="p.png", mask="m.png", classes=[MaskClass(name=LONG, colour="#804080", share=0.6)]),
    Series(
        title="sales",
        x_title="day",
        lines=[
            Line(name=LONG * 2, x=list(DAYS[:20]), y=[float(i % 7) for i in range(20)]),
            Line(name="forecast", x=list(DAYS[19:]), y=[3.0] * 9),
        ],
        band=Band(name="80 %", x=list(DAYS[19:]), low=[1.0] * 9, high=[5.0] * 9),
        split=DAYS[19],
    ),
    Matrix(title="confusion", names=["ape", "蜜蜂", LONG], counts=[[10, 1, 0], [2, 9, 0], [0, 0, 12]]),
]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Shows outputs on a terminal of so many columns; gives what it shows."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def run(outputs: list[Output], columns: int, *, colours: bool = False) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "" if colours else "1")
        out = Terminal()
        show(outputs, out, lambda name: f"http://here/{name}")
        return out.getvalue()

    return run


def piped(outputs: list[Output]) -> tuple[str, str]:
    """(what a program reads, what stands beside it)."""
    out, aside = io.StringIO(), io.StringIO()
    show(outputs, out, lambda name: f"http://here/{name}", aside=aside)
    return out.getvalue(), aside.getvalue()


def test_there_is_an_example_of_every_kind():
    assert {type(output) for output in ONE_OF_EACH} == set(KINDS)


@pytest.mark.parametrize("output", ONE_OF_EACH, ids=lambda output: output.kind)
@pytest.mark.parametrize("columns", [30, 80, 200])
def test_a_terminal_shows_every_kind_within_its_width(terminal, output, columns):
    text = terminal([output], columns)
    assert output.title in text
    for line in text.splitlines():
        assert width(line) <= columns or "http://here/" in line, line  # an address is whole, so that it can be followed


@pytest.mark.parametrize("output", ONE_OF_EACH, ids=lambda output: output.kind)
def test_a_program_reads_every_kind_whole_and_without_escapes(output):
    text, _ = piped([output])
    assert "…" not in text
    assert "\x1b" not in text
    longest = max((LONG * n for n in range(5) if LONG * n in output.model_dump_json()), key=len)
    assert longest in text


def test_a_text_is_shown_after_its_prompt_and_read_without_it(terminal):
    text = Text(text="疑是地上霜。\n", prompt="床前明月光，")
    assert terminal([text], 80) == "床前明月光，疑是地上霜。\n"
    assert piped([text])[0] == "疑是地上霜。\n"


def test_marked_stretches_are_coloured_by_what_they_speak_for(terminal):
    text = Text(text="good but slow", marks=[Mark(start=0, end=4), Mark(start=9, end=13, score=-0.5)])
    assert terminal([text], 80, colours=True) == "\x1b[32mgood\x1b[0m but \x1b[31mslow\x1b[0m\n"
    assert piped([text])[0].splitlines() == ["good but slow", "mark\t0\t4\t1\tgood", "mark\t9\t13\t-0.5\tslow"]


def test_marks_that_overlap_or_lead_out_of_the_text_lose_no_character(terminal):
    text = Text(text="abcdef", marks=[Mark(start=0, end=4), Mark(start=2, end=6), Mark(start=9, end=12)])
    assert re.sub(r"\x1b\[\d*m", "", terminal([text], 80, colours=True)) == "abcdef\n"


def test_several_texts_are_parted_where_a_program_reads_them():
    assert piped([Text(text="one"), Text(text="two")])[0] == "one\n--- 2 ---\ntwo\n"


def test_shares_are_per_cent_on_a_terminal_and_numbers_to_a_program(terminal):
    scores = Scores(
        subject="a.png", items=[Score(name="ape", value=0.925, note="sure"), Score(name="bee", value=0.075)]
    )
    assert re.search(r"ape █+.*92\.5%  sure", terminal([scores], 80))
    assert piped([scores])[0] == "a.png\tape\t0.925\tsure\na.png\tbee\t0.075\n"


def test_numbers_that_are_no_shares_have_bars_by_the_largest_of_them(terminal):
    scores = Scores(
        unit="number", items=[Score(name="a", value=50.0), Score(name="b", value=25.0), Score(name="c", value=-9.0)]
    )
    bars = [line.count("█") for line in terminal([scores], 80).splitlines()]
    assert bars[0] == 2 * bars[1] > 0 == bars[2]


def test_a_table_says_how_many_rows_there_are_and_where(terminal):
    table = Table(columns=["n"], rows=[[1]], count=1234, file="all.csv")
    assert terminal([table], 80).splitlines()[2:] == ["1 of 1,234 rows, all of them: http://here/all.csv"]
    assert piped([table]) == ("n\n1\n", "1 of 1,234 rows, all of them: http://here/all.csv\n")
    whole = Table(columns=["file"], rows=[["a"]], count=1, file="model.zip")
    assert piped([whole]) == ("file\na\n", "file: http://here/model.zip\n")


def test_a_cell_stays_one_cell_whatever_it_holds():
    table = Table(columns=["a", "b"], rows=[["x\ty\nz\x1b[2J", None], [True, 1e300]], count=2)
    assert piped([table])[0] == "a\tb\nx y z[2J\t\ntrue\t1e+300\n"


def test_columns_that_no_terminal_can_hold_are_counted(terminal):
    table = Table(columns=[f"c{i}" for i in range(1000)], rows=[list(range(1000))], count=1)
    lines = terminal([table], 40).splitlines()
    shown_columns = len(lines[0].split())
    assert lines[2] == f"… {1000 - shown_columns} more columns"
    assert len(piped([table])[0].splitlines()[0].split("\t")) == 1000


def test_a_picture_is_named_with_where_it_is_to_be_had(terminal):
    picture = Picture(file="grid.png", legend=[("red", "spoke for it")])
    assert terminal([picture], 80).splitlines() == ["grid.png  http://here/grid.png", "  red: spoke for it"]
    assert piped([picture])[0].splitlines()[0] == "grid.png\thttp://here/grid.png"


def test_nothing_found_in_a_picture_is_said(terminal):
    boxes = Boxes(picture="p.png", size=(640, 480), boxes=[])
    assert "0 found in 640 x 480 pixels" in terminal([boxes], 80)


def test_boxes_are_listed_in_pixels(terminal):
    boxes = Boxes(picture="p.png", size=(640, 480), boxes=[Box(x0=1, y0=2, x1=30, y1=40, label="cat", score=0.9)])
    assert terminal([boxes], 80).splitlines()[-1].split() == ["cat", "90.0%", "1", "2", "30", "40"]
    assert piped([boxes])[0] == "p.png\tcat\t0.9\t1\t2\t30\t40\n"


def test_classes_of_a_mask_have_its_colours_and_their_shares(terminal):
    mask = Mask(picture="p.png", mask="m.png", classes=[MaskClass(name="road", colour="#804080", share=0.6)])
    assert "\x1b[38;2;128;64;128m■\x1b[0m road" in terminal([mask], 80, colours=True)
    assert "60.0%" in terminal([mask], 80)
    assert piped([mask])[0] == "p.png\troad\t#804080\t0.6\nm.png\thttp://here/m.png\n"


def _dots(text: str) -> list[str]:
    """The blocks of a drawn series, row by row, without its scale."""
    return [line.split("│ ")[-1] for line in text.splitlines() if "│" in line]


def test_a_rising_line_is_drawn_from_the_bottom_left_to_the_top_right(terminal):
    series = Series(lines=[Line(name="up", x=[0, 1, 2, 3], y=[0.0, 1.0, 2.0, 3.0])])
    text = terminal([series], 40)
    rows = _dots(text)
    starts = [len(row) - len(row.lstrip()) for row in rows]
    assert starts == sorted(starts, reverse=True)
    assert text.splitlines()[0].startswith("3 │") and "0 │" in text.splitlines()[7]
    assert "up: 3 at the end" in text


def test_lines_are_overlaid_in_colours_and_below_one_another_without(terminal):
    series = Series(lines=[Line(name=name, x=[0, 1], y=[0.0, 1.0]) for name in ("first", "second")])
    assert len(_dots(terminal([series], 40, colours=True))) * 2 == len(_dots(terminal([series], 40)))


def test_a_gap_in_a_line_is_a_gap_in_its_drawing(terminal):
    y = [1.0, 1.0, *[None] * 20, 1.0, 1.0]
    rows = _dots(terminal([Series(lines=[Line(name="gap", x=list(range(24)), y=y)])], 60))
    assert any(re.search(r"[⠁-⣿] {20,}[⠁-⣿]", row) for row in rows)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [Line(name="none", x=[], y=[])],
        [Line(name="empty", x=[1, 2], y=[None, None])],
        [Line(name="one", x=[1], y=[5.0])],
        [Line(name="flat", x=[1, 2], y=[5.0, 5.0])],
        [Line(name="huge", x=[-1.7e308, 1.7e308], y=[-1.7e308, 1.7e308])],
        [Line(name="no moment", x=["yesterday", "today"], y=[1.0, 2.0])],
        [Line(name="shorter", x=[1], y=[1.0, 2.0])],
    ],
)
def test_a_series_of_any_values_is_shown(terminal, lines):
    assert terminal([Series(lines=lines)], 40).strip()


def test_a_series_is_read_line_by_line_with_its_band():
    series = Series(lines=[Line(name="a", x=[1], y=[2.5])], band=Band(name="80 %", x=[1], low=[1.0], high=[4.0]))
    assert piped([series])[0] == "line\tx\ty\tlow\thigh\na\t1\t2.5\t\t\n80 %\t1\t\t1\t4\n"


def test_a_matrix_that_fits_is_a_table_and_a_larger_one_tells_what_was_mistaken_for_what(terminal):
    small = terminal([Matrix(names=["ape", "bee"], counts=[[10, 1], [2, 9]])], 80)
    assert [line.split() for line in small.splitlines()] == [
        ["true", "\\", "said", "ape", "bee"],
        ["ape", "10", "1"],
        ["bee", "2", "9"],
    ]
    counts = [[5 if i == j else int(i == 0 and j == 7) for j in range(40)] for i in range(40)]
    large = terminal([Matrix(names=[f"class {i}" for i in range(40)], counts=counts)], 60)
    assert re.search(r"class 0 +5 of 6  class 7 1", large)
    assert re.search(r"class 39 +5 of 5$", large, re.MULTILINE)


def test_kinds_that_a_newer_server_has_are_told_in_a_sentence():
    with pytest.raises(TrainyardError, match="does not know"):
        shown.read([{"kind": "hologram", "title": ""}])


def test_uploaded_files_and_those_beside_outputs_have_addresses_of_their_own():
    file_id = "a" * 32
    assert shown.path_of("/jobs/j/artifacts", "grid.png") == "/jobs/j/artifacts/grid.png"
    assert shown.path_of("/jobs/j/artifacts", f"file:{file_id}") == f"/files/{file_id}/content"
