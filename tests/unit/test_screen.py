"""What the command line draws: columns, bars, curves, times."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import screen
from cli.report import units

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abc", 3), ("床前明月光", 10), ("é", 1), ("e\u0301", 1), ("ｆｕｌｌ", 8), ("…", 1), ("\u200b", 0), ("🙂", 2)],
)
def test_width_counts_columns_not_characters(text, expected):
    assert screen.width(text) == expected


@given(TEXTS, st.integers(1, 60))
def test_a_padded_cell_is_exactly_as_wide_as_asked(text, size):
    assert screen.width(screen.pad(text, size)) == size


@given(TEXTS, st.integers(0, 60))
def test_a_cut_text_never_exceeds_its_limit_and_short_ones_stay_whole(text, limit):
    short = screen.cut(text, limit)
    assert screen.width(short) <= limit
    if screen.width(text) <= limit:
        assert short == text


@given(st.lists(st.floats(), max_size=200), st.integers(1, 50))
def test_a_sparkline_fits_its_columns_whatever_the_values(values, size):
    assert len(screen.sparkline(values, size)) <= size


def test_a_falling_loss_draws_a_falling_line():
    assert screen.sparkline([8, 7, 6, 5, 4, 3, 2, 1], 8) == "█▇▆▅▄▃▂▁"


def test_a_constant_curve_and_a_gap_are_drawn_too():
    assert screen.sparkline([2.0, 2.0], 8) == "▁▁"
    assert screen.sparkline([1.0, float("nan"), 3.0], 8) == "▁ █"
    assert screen.sparkline([float("nan")], 8) == ""
    assert screen.sparkline([-1.7e308, 1.7e308], 8) == "▁█"
    assert screen.sparkline([1.7e308, 1.7e308, 0.0], 2) == "█▅"


@given(st.floats(-1, 2), st.integers(1, 60))
def test_a_bar_is_as_wide_as_asked(share, size):
    assert screen.width(screen.bar(share, size)) == size


def test_a_bar_is_empty_at_the_start_and_full_only_at_the_end():
    assert screen.bar(0, 4) == "····"
    assert screen.bar(1, 4) == "████"
    assert "·" in screen.bar(0.7, 4)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "?"), (0.04, "0.0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3599.7, "1 h 00 min"), (90_000, "1 d 1 h")],
)
def test_lengths_of_time_read_as_people_say_them(value, text):
    assert screen.seconds(value) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2 * 10**9, "2.0 GB")])
def test_sizes_read_as_people_say_them(count, text):
    assert screen.size(count) == text


def test_ago_names_the_largest_unit():
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert screen.ago((now - timedelta(seconds=59)).isoformat(), now) == "59 s ago"
    assert screen.ago((now - timedelta(hours=3, minutes=50)).isoformat(), now) == "3 h ago"
    assert screen.ago((now + timedelta(seconds=5)).isoformat(), now) == "0 s ago"


@given(TEXTS)
def test_plain_text_cannot_steer_the_terminal(text):
    assert not set(screen.plain("\x1b[2J\x07" + text)) & {chr(n) for n in range(32) if chr(n) not in "\n\t"}


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_a_table_has_one_line_for_each_row_whatever_the_text(rows):
    lines = screen.table(("A", "B"), rows, 60).split("\n")
    assert len(lines) == (len(rows) + 1 if rows else 1)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_where_nobody_reads_a_table_its_cells_are_whole_and_parted_by_tabs(rows):
    lines = screen.table(("A", "B"), rows, None).split("\n")
    assert [line.split("\t") for line in lines[1:]] == [[screen.one_line(cell) for cell in row] for row in rows]


def test_only_a_terminal_has_a_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "77")
    stream = io.StringIO()
    assert screen.columns(stream) is None
    monkeypatch.setattr(stream, "isatty", lambda: True)
    assert screen.columns(stream) == 77


@given(st.lists(st.integers(0, 200), min_size=1, max_size=20), st.integers(4, 200))
def test_columns_are_made_to_fit_the_widest_first(sizes, limit):
    fitted = screen.fitting(sizes, limit)
    assert sum(fitted) + 2 * (len(fitted) - 1) <= limit
    assert all(now <= before for now, before in zip(fitted, sizes, strict=False))
    shortened = [now for now, before in zip(fitted, sizes, strict=False) if now < before]
    assert not shortened or max(fitted) <= max(shortened) + 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gb18030", "utf-8"])
def test_a_stream_of_any_encoding_takes_everything_that_is_drawn(encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    screen.survive(stream)
    stream.write(f"{screen.bar(0.7, 4)} {screen.sparkline([1, 2], 2)} ⡠⠒ ✓ … 明月 \udce9\n")
    stream.flush()
    assert raw.getvalue().decode(encoding).endswith("\\xe9\n")


def test_an_ascii_terminal_shows_the_shape_of_what_is_drawn():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    screen.survive(stream)
    stream.write("██▌· ✓ … 明")
    stream.flush()
    assert raw.getvalue() == b"###. + ... ?"


def test_a_table_with_chinese_keeps_its_columns_aligned():
    text = screen.table(("NAME", "STATE"), [["唐诗", "queued"], ["abc", "running"]], 60)
    starts = [
        screen.width(line[: line.index(word)]) for line, word in zip(text.split("\n"), ("STATE", "q", "r"), strict=True)
    ]
    assert starts == [6, 6, 6]


def test_one_is_not_counted_in_the_plural():
    assert (units(1, "documents"), units(0, "rows"), units(1_190, "questions")) == (
        "1 document",
        "0 rows",
        "1,190 questions",
    )
