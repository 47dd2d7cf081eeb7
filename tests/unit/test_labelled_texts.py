"""Texts with labels as they are read from a table: what is left out, what is equal, tokens, windows."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shared.datasets.tables.topics import FEWEST, paragraphs
from shared.errors import DatasetInvalid
from shared.recipes.base import validate_params
from shared.recipes.text_classifier import SPEC
from tests.support.tiny_datasets import imported
from tests.support.uploads import zipped
from worker.context import Context
from worker.families.rows import RowFile
from worker.families.text_labels.evidence import token_evidence
from worker.families.text_labels.labels import Labels
from worker.families.text_labels.rows import each_text, read_rows
from worker.families.text_labels.tokenizer import TextTokenizer, chosen, learn_tokenizer
from worker.families.text_labels.tokens import MOST_WINDOWS, Tokens, cut_texts, window_counts, window_starts
from worker.recipe import code_of


def _read(tmp_path, lines, **values):
    """(params, the opened dataset, its rows)."""
    inputs = imported(tmp_path, [("t.csv", "\n".join(lines).encode())], "table")
    params: Any = validate_params(SPEC.train_params, {"texts": ["text"], "labels": ["mood"]} | values)
    return SimpleNamespace(
        params=params, opened=inputs["data"], rows=read_rows(inputs["data"], params.texts, params, Context())
    )


def test_what_cannot_be_used_is_left_out_and_counted(tmp_path):
    lines = [
        "text,mood",
        "a good day,up",
        ",up",
        "no label here,",
        "a bad  day,down",
        "a good day,up",
        "a bad day,down",
        "so so,down",
        "ok,up",
    ]
    rows = _read(tmp_path, lines).rows
    assert rows.rows.tolist() == [0, 3, 6, 7], "white space makes no other text"
    assert rows.labels.names == ["down", "up"] and rows.labels.take(np.arange(4)).tolist() == [1, 0, 0, 1]
    said = "; ".join(rows.notes)
    for told in ("1 rows without any text", "1 rows without a label", "2 rows are equal to another in text and label"):
        assert told in said, said


def test_equal_texts_with_different_labels_go_together_and_are_told_of(tmp_path):
    lines = ["text,mood", *(f"text number {i},{'ab'[i % 2]}" for i in range(8)), "text number 0,b"]
    rows = _read(tmp_path, lines).rows
    assert len(rows.rows) == 9 and rows.groups[0] == rows.groups[8]
    assert any("1 texts occur with different labels" in note for note in rows.notes)


def test_a_text_in_two_parts_stays_in_the_one_that_is_measured_on(tmp_path):
    lines = ["text,mood,split"]
    lines += [f"text number {i},{'ab'[i % 2]},{('train', 'train', 'test')[i % 3]}" for i in range(12)]
    lines += ["text number 2,a,train", "text number 5,a,train"]
    rows = _read(tmp_path, lines).rows
    parts = dict(zip(rows.rows.tolist(), rows.parts.tolist(), strict=True))
    assert 12 not in parts and 13 not in parts and parts[2] == parts[5] == 3
    assert any("1 rows are equal" in note for note in rows.notes), "number 2 stands twice with its label"
    assert any("1 texts stand in two parts" in note for note in rows.notes), "number 5 with another one"


def test_several_labels_stand_in_a_cell_or_in_columns_of_their_own(tmp_path):
    lines = ["text,mood", "one thing,a; b", "two things,b", "three things,", "four things,b;a;c", "five things,a"]
    marked = _read(tmp_path / "marked", lines, label_mark=";").rows
    assert marked.labels.names == ["a", "b"], "c stands at one text alone"
    assert marked.labels.take(np.arange(5)).tolist() == [[1, 1], [0, 1], [0, 0], [1, 1], [1, 0]]
    assert marked.labels.counts(np.array([0, 2, 3])).tolist() == [2, 2]
    lines = [
        "text,sport,art",
        "one thing,1,yes",
        "two things,0,no",
        "three things,1,no",
        "four things,0,yes",
        "five things,,no",
    ]
    flags = _read(tmp_path / "flags", lines, labels=["sport", "art"]).rows
    assert flags.labels.take(np.arange(4)).tolist() == [[1, 1], [0, 0], [1, 0], [0, 1]]
    assert any("1 rows without a label" in note for note in flags.notes)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["text,mood", "one,up", "one,up", "two,up"], "every text has the label 'up'"),
        (["text,mood", "one,up", "two,up", "three,down"], "label 'down' has one text"),
        (["text,mood", "one,up", "two,up", "three,down", "three,down"], "label 'down' has one text"),
        (["text,mood", ",up", ",down", "three,"], "no row has both"),
        (["text,mood", *(f"text {i},l{i // 2}" for i in range(2_004))], "1,002 different labels; at most 1,000"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused_by_name(tmp_path, lines, told):
    with pytest.raises(DatasetInvalid, match=told):
        _read(tmp_path, lines)


@pytest.mark.parametrize(
    ("values", "head", "cells", "told"),
    [
        ({}, "text,mood", "t{i} x,m{half}", "choose the column of labels; there are mood"),
        ({"labels": ["mood"]}, "text,mood", "t{i} x,up", ""),
        ({"labels": ["mood"]}, "text,mood", "t{i} x,m{i} y", "12 different values in 12 rows"),
        ({"labels": ["mood"]}, "number,mood", "{half},m{half}", "the table has no column of texts"),
        ({"labels": ["mood"], "texts": ["mood"]}, "text,mood", "t{i} x,m{half}", "cannot be what is read"),
        ({"labels": ["mood", "text"]}, "text,mood", "t{i} x,m{half}", "each must hold 0 and 1"),
        ({"labels": ["mood", "flag"], "label_mark": ";"}, "text,mood,flag", "t{i} x,m{half},{bit}", "a mark between labels"),
        ({"labels": ["mood"], "folds": 10}, "text,mood", "t{i} x,m{half}", "10 folds of 12 rows: at most 6"),
    ],
)  # fmt: skip
def test_params_that_do_not_fit_the_table_are_refused_before_it_is_queued(tmp_path, values, head, cells, told):
    lines = [head, *(cells.format(i=i, half=i % 3, bit=i % 2) for i in range(12))]
    inputs = imported(tmp_path, [("t.csv", "\n".join(lines).encode())], "table")
    problems = SPEC.check(validate_params(SPEC.train_params, values), {"data": inputs["data"].dataset})
    assert told in "; ".join(problem.message for problem in problems)
    assert bool(problems) == bool(told), "a constant column is refused of every recipe alike"


def test_scripts_without_spaces_are_read_by_characters():
    assert chosen("auto", 0.9)[0] == "characters" and chosen("auto", 0.1)[0] == "words"
    assert chosen("bpe", 0.9)[0] == "bpe"
    words = TextTokenizer(learn_tokenizer("words", ["It's ＧＯＯＤ 很好, good!"] * 2, 2, 300))
    text = "it's Good 很坏 good"
    (ids,) = words.encode([text])
    found = [text[start:end] for start, end in words.spans(text)]
    assert found == ["it", "'", "s", "Good", "很", "坏", "good"]
    assert ids[3] == ids[6] and ids[5] == 1 and 1 not in ids[[0, 1, 2, 3, 4]]
    characters = TextTokenizer(learn_tokenizer("characters", ["a 很"] * 2, 2, 300))
    assert [len(one) for one in characters.encode(["很 a\n好", "", "   "])] == [3, 0, 0]
    bpe = TextTokenizer(learn_tokenizer("bpe", ["the same words, the same words"] * 9, 9, 300))
    assert 1 not in bpe.encode(["任何 text 🙂"])[0], "pieces of bytes know any text"


def test_windows_cover_a_text_from_its_beginning_to_its_end():
    for length in (8, 12):
        for size in (0, 1, 8, 9, 40, 95, 8 * MOST_WINDOWS, 1_000):
            count = int(window_counts(np.array([size]), length)[0])
            starts = window_starts(np.full(count, size), np.arange(count), length)
            assert starts[0] == 0 and starts[-1] == max(0, size - length)
            if size <= MOST_WINDOWS * length:
                assert np.diff(starts).max(initial=0) <= length, "no gap"
    tokens = Tokens.of([np.arange(2, 22), np.array([7, 8])])
    windows = tokens.windows(np.array([0, 0, 1]), np.array([0, 2, 0]), 8)
    assert windows.tolist() == [list(range(2, 10)), list(range(14, 22)), [7, 8, 0, 0, 0, 0, 0, 0]]


def test_tokens_are_the_same_from_the_cache_and_from_a_file_too_large_to_hold(tmp_path, monkeypatch):
    lines = ["text,mood", *(f"text number {i} {'very ' * (i % 9)}long,{'ab'[i % 2]}" for i in range(50))]
    one = _read(tmp_path / "volume", lines)
    tokenizer = TextTokenizer(learn_tokenizer("words", lines, len(lines), 300))
    context = Context(cache_dir=tmp_path / "cache")
    held = cut_texts(one.opened, ["text"], one.rows.rows, tokenizer, context)
    made = list((tmp_path / "cache").rglob("tokens.bin"))
    monkeypatch.setattr("worker.families.text_labels.tokens._HELD_BYTES", 0)
    streamed = cut_texts(one.opened, ["text"], one.rows.rows, tokenizer, context)
    assert len(made) == 1 and isinstance(streamed._flat, RowFile)
    places, numbers = np.array([3, 17, 49]), np.zeros(3, np.int64)
    np.testing.assert_array_equal(held.windows(places, numbers, 8), streamed.windows(places, numbers, 8))
    np.testing.assert_array_equal(held.text(8), streamed.text(8))


def test_a_token_says_by_itself_how_much_more_often_it_stands_in_texts_of_a_label():
    tokens = Tokens.of([np.array(text) for text in ([2, 2, 3], [2], [3, 4], [1, 4])])
    labels = Labels.of([("a",), ("b",)], np.array([0, 0, 1, 1]), ["a", "b"], many=False)
    found = token_evidence(tokens, labels, np.array([0, 1, 2]), 5, Context())
    assert found[2, 0] == pytest.approx(np.log((3 / 4) / (1 / 3))), "in both texts of a, in none of the one of b"
    assert found[3, 0] == pytest.approx(np.log((2 / 4) / (2 / 3)))
    assert found[4, 1] == pytest.approx(np.log((2 / 3) / (1 / 4))), "the last text is not of the training part"
    np.testing.assert_array_equal(found[:2], 0)
    np.testing.assert_allclose(found[:, 0], -found[:, 1], rtol=1e-6)


def test_texts_are_read_by_number_across_pieces(tmp_path, monkeypatch):
    from shared.datasets.tables.reading import open_table

    one = _read(tmp_path, ["text,mood", *(f"text number {i},{'ab'[i % 2]}" for i in range(40))])
    monkeypatch.setattr("worker.families.text_labels.rows.AT_ONCE", 7)
    wanted = np.array([0, 6, 7, 8, 33, 39])
    with open_table(one.opened.folder) as table:
        assert list(each_text(table, ["text"], wanted)) == [(i, f"text number {row}") for i, row in enumerate(wanted)]


def test_the_example_has_real_sections_of_enough_paragraphs_and_no_text_twice():
    found = paragraphs()
    texts, sections = zip(*found, strict=True)
    assert len(set(texts)) == len(texts) > 500
    assert len(set(sections)) >= 8 and min(map(sections.count, set(sections))) >= FEWEST


def test_texts_in_class_folders_are_learnt_by_the_names_of_the_folders_in_their_parts(tmp_path):
    entries = [
        (f"{part}/{label}/{n}.txt", f"{part} 里 {label} 的第 {n} 篇".encode("gb18030"))
        for part, count in (("train", 20), ("test", 6))
        for label in ("好", "坏")
        for n in range(count)
    ]
    inputs = imported(tmp_path, [("moods.zip", zipped(entries))], "text_folders")
    params: Any = validate_params(SPEC.train_params, {"labels": ["label"], "validation_fraction": 0.1})
    assert SPEC.check is not None and SPEC.check(params, {"data": inputs["data"].dataset}) == []
    data: Any = code_of(SPEC).load(inputs, params, Context())
    assert data.names == ["坏", "好"] and data.columns == ["text"]
    assert data.split["test"] == 12 and data.split["train"] + data.split["val"] == 40 and data.split["val"] > 1
