"""How outputs are made ready for pages: pieces of marked texts, bars, boxes in per cent, series as paths, matrices with tints."""

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.outputs import (
    Band,
    Box,
    Boxes,
    Line,
    Mark,
    Mask,
    MaskClass,
    Matrix,
    Picture,
    Score,
    Scores,
    Series,
    Table,
    Text,
)
from web.pages.formatting import percent
from web.pages.outputs.drawing import drawn, hues
from web.pages.outputs.places import of_dataset, of_job, of_sample
from web.pages.outputs.plot import plot
from web.pages.outputs.shown import bars, cells, covered, grouped, pieces, tinted


def test_what_is_alike_and_follows_each_other_stands_in_one_grid():
    outputs = [Text(text="a"), *(Picture(file=f"{n}.png") for n in range(5)), Text(text="b"), Picture(file="x.png")]
    groups = grouped(outputs)
    assert [(g.layout, [n for n, _ in g.items]) for g in groups] == [
        ("wide", [0]), ("small", [1, 2, 3, 4, 5]), ("wide", [6]), ("single", [7])
    ]  # fmt: skip
    assert grouped([Picture(file=f"{n}.png") for n in range(4)])[0].layout == "medium", "a few are shown large"


def test_short_texts_stand_beside_each_other_and_long_ones_do_not():
    assert grouped([Text(text="a"), Text(text="b")])[0].layout == "medium"
    assert grouped([Text(text="a"), Text(text="b" * 500)])[0].layout == "wide"


marks = st.lists(
    st.builds(Mark, start=st.integers(0, 30), end=st.integers(0, 40), score=st.floats(-1, 1, width=16)), max_size=12
)


@given(st.text(max_size=30), marks)
def test_pieces_of_a_marked_text_are_the_text_and_each_character_has_its_strongest_mark(text, found):
    cut = pieces(Text(text=text, marks=found))
    assert "".join(piece.text for piece in cut) == text
    looks = [piece.look for piece in cut for _ in piece.text]
    for place, look in enumerate(looks):
        over = [m.score for m in found if m.start <= place < m.end]
        strongest = max(map(abs, over), default=0)
        assert (look == "") == (strongest == 0)
        if look:
            assert int(look[-1]) == max(1, min(5, round(strongest * 5)))


def test_shares_are_bars_from_zero_to_one_and_numbers_from_the_lowest_to_the_highest():
    shares = bars(Scores(items=[Score(name="a", value=0.75), Score(name="b", value=1.5)])).items
    assert [(b.at, b.width, b.said) for b in shares] == [(0, 75, "75.0 %"), (0, 100, "150.0 %")]
    numbers = bars(Scores(unit="number", items=[Score(name="a", value=30), Score(name="b", value=-10)]))
    assert numbers.zero == 25
    assert [(b.at, b.width, b.look) for b in numbers.items] == [(25, 75, ""), (0, 25, "less")]
    assert [b.width for b in bars(Scores(unit="number", items=[Score(name="a", value=0)])).items] == [0]
    assert bars(Scores(items=[])).items == []


def test_cells_say_what_is_missing_and_numbers_stand_to_the_right():
    table = Table(columns=["n", "share", "text", "ok"], rows=[[1, 0.123456, "词", True], [2, None, ""]], count=2)
    shown = cells(table)
    assert shown.numbers == [True, True, False, False]
    assert [cell.text for cell in shown.rows[0]] == ["1", "0.1235", "词", "yes"]
    assert [cell.text for cell in shown.rows[1]] == ["2", "–", "–", "–"]
    assert shown.rows[0][1].whole == "0.123456"


def test_boxes_are_in_per_cent_and_never_leave_the_picture():
    found = Boxes(
        picture="p.png", size=(200, 100),
        boxes=[Box(x0=-20, y0=10, x1=100, y1=300, label="车", score=0.5), Box(x0=180, y0=90, x1=150, y1=50, label="b")],
    )  # fmt: skip
    drawing = drawn(found, hues([found]))
    weak, sure = drawing.boxes
    assert (weak.x, weak.y, weak.width, weak.height) == (0, 10, 50, 90)
    assert (sure.x, sure.y, sure.width, sure.height) == (75, 50, 15, 40)
    assert weak.said == "车 50 %" and sure.from_right
    assert [(c.name, c.count) for c in drawing.classes] == [("b", 1), ("车", 1)]


def test_of_labels_that_cover_each_other_only_the_surest_is_shown():
    boxes = [Box(x0=10, y0=50, x1=60, y1=90, label="same place", score=0.9 - n / 100) for n in range(30)]
    rooms = [box.room for box in drawn(Boxes(picture="p", size=(100, 100), boxes=boxes), {"same place": 0}).boxes]
    assert rooms.count("") == 1 and rooms[-1] == ""


def test_boxes_of_a_dataset_have_no_scores_to_tell():
    assert not drawn(Boxes(picture="p", size=(9, 9), boxes=[Box(x0=0, y0=0, x1=1, y1=1, label="a")]), {"a": 0}).scored


def test_a_class_of_boxes_has_one_colour_in_all_pictures_shown_together():
    def picture(*labels: str) -> Boxes:
        boxes = [Box(x0=n, y0=0, x1=n + 1, y1=1, label=label) for n, label in enumerate(labels)]
        return Boxes(picture="p", size=(99, 99), boxes=boxes)

    pictures = [picture("b", "b", "a"), picture("c", "c", "a"), picture("a", "a")]
    hue = hues(pictures)
    assert hue == {"a": 0, "b": 1, "c": 2}
    for one in pictures:
        drawing = drawn(one, hue)
        assert all(box.hue == hue[box.label] for box in drawing.boxes)
        assert all(found.hue == hue[found.name] for found in drawing.classes)


def test_classes_of_a_mask_come_by_what_they_cover():
    shares = (("a", 0.0), ("b", 0.7), ("c", 0.0001))
    classes = [MaskClass(name=name, colour="#000000", share=share) for name, share in shares]
    told = covered(Mask(picture="p", mask="m", classes=classes))
    assert [(part.name, said) for part, said in told] == [("b", "70.0 %"), ("c", "below 0.1 %"), ("a", "0.0 %")]


def numbers_of(path: str) -> list[float]:
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", path)]


def test_a_line_is_broken_where_values_are_missing_and_a_lone_value_is_a_dot():
    line = Line(name="a", x=[0, 1, 2, 3, 4], y=[1.0, 2.0, None, 3.0, None])
    (curve,) = plot(Series(lines=[line])).curves
    assert curve.path.count("M") == 1 and curve.dots.count("M") == 1
    assert numbers_of(curve.path)[0] == 0 and numbers_of(curve.dots)[0] == 750


def test_higher_values_are_drawn_higher_and_all_within_the_square():
    drawing = plot(Series(lines=[Line(name="a", x=[0, 10], y=[5.0, 7.0])]))
    x0, y0, x1, y1 = numbers_of(drawing.curves[0].path)
    assert (x0, x1) == (0, 1000) and y1 < y0 and y1 >= 0 and y0 <= 1000


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e12, 1e12)), min_size=1, max_size=40),
    st.booleans(),
)
@example([5e-324], False)
@example([0.0, 5e-324], False)
def test_every_series_can_be_drawn_and_its_ticks_are_on_the_axes(values, dated):
    x = [
        f"2024-{1 + n % 12:02d}-{1 + n % 28:02d}T{n % 24:02d}:00:00Z" if dated else float(n) for n in range(len(values))
    ]
    drawing = plot(Series(lines=[Line(name="a", x=x, y=values)]))
    assert drawing.empty == all(value is None for value in values)
    for tick in [*drawing.x_ticks, *drawing.y_ticks]:
        assert -0.01 <= tick.at <= 100.01
    assert len({tick.text for tick in drawing.y_ticks}) == len(drawing.y_ticks)
    assert all(math.isfinite(n) for curve in drawing.curves for n in numbers_of(curve.path))


@pytest.mark.parametrize(
    ("first", "last", "ticks"),
    [
        (
            "2024-01-01T00:00:00Z",
            "2024-12-31T00:00:00Z",
            [f"{m} 2024" for m in ("Jan", "Mar", "May", "Jul", "Sep", "Nov")],
        ),
        ("2024-03-09T00:00:00Z", "2024-03-10T00:00:00Z", ["9 Mar", "06:00", "12:00", "18:00", "10 Mar"]),
        ("1950-01-01", "2020-01-01", ["1960", "1980", "2000", "2020"]),
    ],
)
def test_ticks_of_moments_are_round(first, last, ticks):
    line = Line(name="a", x=[first, last], y=[0.0, 1.0])
    assert [tick.text for tick in plot(Series(lines=[line])).x_ticks] == ticks


def test_a_long_series_is_thinned_and_keeps_its_extremes():
    values: list[float | None] = [math.sin(n / 50) for n in range(100_000)]
    values[54_321] = 99.0
    (curve,) = plot(Series(lines=[Line(name="a", x=list(range(100_000)), y=values)])).curves
    points = numbers_of(curve.path)
    assert len(points) < 4000
    assert min(points[1::2]) == pytest.approx(1000 * (1 - (99 + 20) / 120), abs=60)  # the axis goes to 100 or 120


def test_words_on_the_axis_keep_their_order_and_a_band_is_an_area():
    series = Series(
        lines=[Line(name="a", x=["春", "夏", "秋"], y=[1, 2, 3])],
        band=Band(name="80 %", x=["春", "夏", "秋"], low=[0, 1, 2], high=[2, 3, 4]),
        split="夏",
    )
    drawing = plot(series)
    assert [tick.text for tick in drawing.x_ticks] == ["春", "夏", "秋"]
    assert drawing.band.endswith("Z") and drawing.split == 50 and drawing.split_said == "夏"
    assert drawing.rows[0] == ("春", ["1", "0 to 2"])


def test_a_matrix_is_tinted_by_row_and_says_how_much_is_right():
    told = tinted(Matrix(names=["a", "b"], counts=[[9, 1], [0, 0]]))
    assert told.rows[0][1] == [(9, 8, True), (1, 1, False)] and (told.right, told.total) == (9, 10)
    assert tinted(Matrix(names=[str(n) for n in range(99)], counts=[[0] * 99] * 99)).rows == []


def test_files_are_found_beside_the_outputs_or_among_the_uploads():
    job = of_job("01" * 13)
    assert job("ä b.png") == f"/api/v1/jobs/{'01' * 13}/artifacts/%C3%A4%20b.png"
    assert job("file:" + "ab" * 16) == f"/api/v1/files/{'ab' * 16}/content"
    assert of_sample("j", 2, 40)("a.png") == "/api/v1/jobs/j/samples/2/40/a.png"
    assert of_dataset("d")("train/cat/1.png") == "/api/v1/datasets/d/files/train/cat/1.png"
    assert (
        job("../../secret?x#y") == f"/api/v1/jobs/{'01' * 13}/artifacts/../../secret%3Fx%23y"
    )  # no such name is published


def test_steps_that_are_counted_have_whole_ticks():
    line = Line(name="a", x=list(range(1, 13)), y=[1.0] * 12)
    assert [tick.text for tick in plot(Series(lines=[line])).x_ticks] == ["5", "10"]
    line = Line(name="a", x=[n / 10 for n in range(11)], y=[1.0] * 11)
    assert "0.2" in [tick.text for tick in plot(Series(lines=[line])).x_ticks]


def test_numbers_of_a_dataset_stand_to_the_right_though_they_are_texts():
    table = Table(columns=["a", "b", "c"], rows=[["17.99", "1e-05", "x"], ["8", None, "9"]], count=2)
    assert cells(table).numbers == [True, True, False]


def test_a_share_is_never_said_to_be_all_or_none_where_it_is_not():
    assert [percent(share) for share in (1.0, 0.99996, 0.9994, 0.0, 0.0004)] == [
        "100.0 %", ">99.9 %", "99.9 %", "0.0 %", "<0.1 %"
    ]  # fmt: skip
