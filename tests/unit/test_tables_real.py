"""Tables that people really use arrive as they are: numbers, dates, missing cells, names or none."""

import pytest

from shared.volume.volume import Volume
from tests.support.tables import described, kinds_of, rows_of, warned
from tests.support.uploads import load


@pytest.fixture
def take(tmp_path, data_sets):
    """Imports files of the folder of data sets, given as paths below it."""
    volume = Volume(tmp_path / "data")

    def take(*names, **options):
        files = [((data_sets / name).name, (data_sets / name).read_bytes()) for name in names]
        return volume, load(volume, *files, **options)

    return take


def test_adult_income_has_no_names_and_question_marks_for_missing(take):
    volume, dataset = take("adult_income/adult-train.csv", "adult_income/adult-test.csv")
    report = dataset.report
    assert (dataset.format, report.rows, report.parts) == ("table", 48_842, {"train": 32_561, "test": 16_281})
    numbers = [name for name, kind in kinds_of(dataset).items() if kind == "number"]
    assert numbers == [f"column_{i}" for i in (1, 3, 5, 11, 12, 13)]
    assert (described(dataset, "column_2").missing, described(dataset, "column_14").missing) == (2799, 857)
    assert rows_of(volume, dataset)[0]["column_4"] == "Bachelors"
    found = warned(dataset)
    assert found["gives_away"] == ["column_4"]  # education in words and as a number
    assert found["alike_values"] == ["column_15", "column_15"]  # ">50K." in the test file


def test_pima_diabetes_is_numbers_and_a_boolean(take):
    _, dataset = take("pima_diabetes/pima-indians-diabetes.csv")
    assert [*kinds_of(dataset).values()] == ["number"] * 8 + ["boolean"]
    assert described(dataset, "column_9").values == {"0": 500, "1": 268} and dataset.report.warnings == []


def test_movielens_keeps_titles_with_commas_and_quotes(take):
    volume, dataset = take("movielens_latest_small/movies.csv")
    titles = {row["title"] for row in rows_of(volume, dataset)}
    assert dataset.report.rows == 9742 and "American President, The (1995)" in titles
    assert kinds_of(dataset) == {"movieId": "number", "title": "text", "genres": "category"}
    _, ratings = take("movielens_latest_small/ratings.csv")
    assert ratings.report.rows == 100_836 and described(ratings, "userId").distinct == 610
    assert described(ratings, "rating").low == 0.5 and ratings.report.warnings == []


def test_etth1_is_hours_and_seven_series_to_the_last_digit(take):
    volume, dataset = take("etth1/ETTh1.csv")
    assert [*kinds_of(dataset).values()] == ["date"] + ["number"] * 7
    assert rows_of(volume, dataset)[0]["HUFL"] == 5.827000141143799
    assert described(dataset, "date").high == "2018-06-26T19:00:00Z"


def test_stock_prices_come_with_a_column_that_gives_another_away(take):
    _, dataset = take("stock_daily/AAPL_TSLA_COKE_2015_2017.csv")
    assert dataset.report.rows == 2261 and described(dataset, "Stock").kind == "category"
    assert warned(dataset) == {"constant": ["SplitRatio"], "gives_away": ["Volume"]}
    _, apple = take("stock_daily/AAPL_2015_2017.csv")
    assert kinds_of(apple)["Date"] == "date" and apple.report.rows == 506


def test_series_of_days_and_months_have_dates(take):
    for name, rows in (("airline-passengers.csv", 144), ("daily-min-temperatures.csv", 3650)):
        _, dataset = take(f"small_series/{name}")
        assert dataset.report.rows == rows and [*kinds_of(dataset).values()] == ["date", "number"]


def test_hotel_reviews_in_chinese_are_texts_with_a_label(take):
    _, dataset = take("zh_sentiment_hotel/ChnSentiCorp_htl_all.csv")
    assert kinds_of(dataset) == {"label": "boolean", "review": "text"}
    assert dataset.report.rows == 7766 and described(dataset, "label").values == {"1": 5322, "0": 2444}


def test_sentence_pairs_parted_by_tabs_are_a_table_without_names(take):
    volume, dataset = take("en_zh_tatoeba/cmn.txt")
    assert (dataset.format, dataset.report.rows) == ("table", 20_133)
    assert rows_of(volume, dataset)[0] == {"column_1": "Hi.", "column_2": "嗨。"}
    assert described(dataset, "column_1").distinct == 19_604


def test_news_in_lines_of_json_are_a_table_with_parts(take):
    _, dataset = take(*(f"bbc_news_summary/{part}.jsonl" for part in ("train", "val", "test")))
    assert (dataset.format, dataset.report.parts) == ("table", {"train": 1692, "val": 200, "test": 200})
    assert [*kinds_of(dataset).values()] == ["category", "text", "text", "text", "category"]


def test_a_first_line_that_is_neither_names_nor_a_row_is_named(take):
    with pytest.raises(Exception, match=r"line 1: '569 \| 30 \| malignant \| benign' has 4 cells where 31 columns are"):
        take("sklearn_small/breast_cancer.csv")
    _, dataset = take("sklearn_small/breast_cancer.csv", options={"bad_rows": "drop"})
    assert dataset.report.rows == 569 and dataset.report.dropped.broken == 1
    _, digits = take("sklearn_small/digits.csv.gz")
    assert (digits.report.rows, len(digits.report.columns)) == (1797, 65)


def test_plain_prose_stays_a_text(take):
    for name in ("tinyshakespeare/input.txt", "zh_tang_poems/tang.txt", "zh_luxun_fiction/luxun_fiction.txt"):
        assert take(name)[1].format == "text"
