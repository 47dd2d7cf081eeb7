"""Cells read in TensorFlow's graph, as a model that is taken away does, against the service's own reading of them."""

import zlib

import numpy as np
import pyarrow as pa
import pytest

tf = pytest.importorskip("tensorflow")

from worker.families.tables.features import Features  # noqa: E402
from worker.families.tables.reading_graph import _crc32, encode_cells  # noqa: E402

KINDS = {"n": "number", "c": "category", "d": "date", "t": "text", "b": "boolean"}
KNOWN = {"c": ["39", "baker", "書記", "a b", "?x", "0.5"], "b": ["true", "no"]}
NUMBERS = [
    "1",
    "-2.5",
    " 3e4 ",
    "",
    "?",
    "NaN",
    "inf",
    "-Infinity",
    "1e300",
    "0.1",
    "true",
    "FALSE",
    "+7",
    "1e-320",
    "n/a",
]
CATEGORIES = [
    "39",
    "39.0",
    "39.00",
    "baker",
    " Baker ",
    "書記",
    "never",
    "",
    "-",
    "?x",
    "a b",
    "0.5",
    "+39",
    "BAKER",
    "None",
]
DATES = """2020-01-31|1969-12-31T23:59:59|2000-02-29 12:30||0000-00-00|1900-03-01T00:00:00Z|2024-12-31T23:30:00-02:00
2100-01-01T00:15:00+05:30|0001-01-01|9999-12-31 23:59:59.999999|1600-02-29|2023-07-04T05|NA
2021-01-01T00:00:00+01:00|1999-12-31""".replace("\n", "|").split("|")
TEXTS = [
    *(
        "Likes tea, and cake!",
        "喜歡茶。まっちゃ・ラテ",
        "",
        "mixed漢字and_words 12½",
        "ÉCOLE Straße ПРИВЕТ",
        "a " * 200,
    ),
    *("x" * 5000, "?", "한국어 word", "e\u0301 combined", "tab\tand\nline", "  ", "one", "½ ² ٣", "emoji 😀 here"),
]
FLAGS = ["true", "no", "TRUE", "yes", "", "False", "1", "0", "true", "no", "?", "true", "no", "nan", "NO"]


def test_cells_are_read_to_the_same_numbers_codes_and_tokens():
    features = Features.from_json({**Features.of(KINDS).to_json(), "known": KNOWN})
    columns = dict(zip("ncdtb", (NUMBERS, CATEGORIES, DATES, TEXTS, FLAGS), strict=True))
    wanted, wrong = features.encode({name: pa.array(cells, pa.string()) for name, cells in columns.items()})
    assert not wrong
    cells = tf.constant([list(row) for row in zip(*(columns[name] for name in features.columns), strict=True)])
    found = {
        name: array.numpy()
        for name, array in tf.function(lambda x: encode_cells(features, x), autograph=False)(cells).items()
    }
    np.testing.assert_allclose(found["numbers"], wanted["numbers"], rtol=1e-7)
    np.testing.assert_array_equal(found["categories"], wanted["categories"])
    np.testing.assert_array_equal(found["texts"], wanted["texts"])


def test_checksums_are_those_of_zlib():
    texts = ["", "a", "書記", "x" * 300, "The quick brown fox"]
    np.testing.assert_array_equal(_crc32(tf.constant(texts)).numpy(), [zlib.crc32(text.encode()) for text in texts])


@pytest.mark.parametrize(("kind", "cell", "said"), [("number", "many", "many"), ("date", "soon", "no date like")])
def test_what_cannot_be_read_is_an_error_and_no_number(kind, cell, said):
    features = Features.of({"n": kind})
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        encode_cells(features, tf.constant([[cell]]), {})
