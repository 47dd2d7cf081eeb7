"""Batches of a text: windows that depend on (seed, step) alone, and a validation loss that is the exact mean."""

import tracemalloc
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from shared.datasets.report import DatasetReport
from shared.errors import Cancelled, DatasetInvalid
from shared.recipes.gpt import GptTrain
from shared.recipes.text_params import check_text
from tests.support.tiny_text import text_data, text_input
from worker.artifacts import Files
from worker.context import Context
from worker.families.kept import kept
from worker.families.text import tokens as tokens_module
from worker.families.text.data import load_text
from worker.families.text.tokens import as_imported, pieces
from worker.families.text.vocabulary import learn_vocabulary
from worker.recipe import build_model, recipe_code

TEXT = "床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。\n" * 40
SMALL: dict[str, Any] = {"context": 8, "batch_size": 4, "steps": 6, "layers": 1, "heads": 2, "width": 16}


def test_step_s_has_the_same_windows_wherever_training_starts():
    data = text_data(TEXT, GptTrain(**SMALL))
    whole, later = list(data.train(0)), list(data.train(4))
    assert len(whole) == 6
    for (x, y), (again_x, again_y) in zip(whole[4:], later, strict=True):
        assert (x.numpy() == again_x.numpy()).all()
        assert (y.numpy() == again_y.numpy()).all()
    assert (whole[0][0].numpy()[:, 1:] == whole[0][1].numpy()[:, :-1]).all()
    assert any((whole[0][0].numpy() != x.numpy()).any() for x, _ in whole[1:])


def test_training_never_sees_the_validation_part():
    data = text_data("a" * 900 + "b" * 100, GptTrain(**SMALL))
    b = data.vocabulary.encode("b")[0]
    assert not any((y.numpy() == b).any() for _, y in data.train(0))


@pytest.mark.parametrize("length", [1037, 1000, 99_991])
def test_every_validation_token_but_the_first_is_predicted_once(length):
    rng = np.random.default_rng(0)
    data = text_data("".join(rng.choice(list("abcd"), length)), GptTrain(**SMALL))
    x, y, weight = (
        np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*data.validation(), strict=True)
    )
    tokens = data.tokens.read(data.cut, data.split["val"])
    assert (x[weight > 0] == tokens[:-1]).all()
    assert (y[weight > 0] == tokens[1:]).all()
    assert weight.mean() == pytest.approx(1, abs=1e-5)
    assert len({tuple(batch[0].shape) for batch in data.validation()}) == 1


def test_the_validation_loss_is_the_mean_over_the_whole_part(tmp_path):
    params, code = GptTrain(**SMALL), recipe_code("gpt")
    data = text_data(TEXT, params)
    model = build_model(code, params, data.assets, {})
    model.compile(**code.compile_args(params, data.assets))
    tokens, total = data.tokens.read(data.cut, data.split["val"]).astype(np.int32), 0.0
    for start in range(0, len(tokens) - 1, params.context):
        part = tokens[start : start + params.context + 1]
        logits = model(part[None, :-1])
        losses: Any = keras.losses.sparse_categorical_crossentropy(part[None, 1:], logits, from_logits=True)
        total += float(losses.numpy().sum())
    assert (len(tokens) - 1) % params.context
    report = code.report(model, data, params, Context(), Files(tmp_path), [])
    assert report.metrics["val_loss"] == pytest.approx(total / (len(tokens) - 1), rel=1e-5)


def test_a_text_with_too_few_pieces_is_refused_with_the_context_that_fits():
    with pytest.raises(DatasetInvalid, match=r"set params\.context to"):
        text_data("too short a text for this", GptTrain(**SMALL))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.37, 0.5])
def test_the_check_before_training_refuses_exactly_what_loading_refuses(share):
    params = GptTrain.model_validate({**SMALL, "validation_fraction": share})
    for size in range(10, 120):
        manifest: Any = SimpleNamespace(report=DatasetReport(facts={"characters": size}), files=[])
        if check_text(params, {"data": manifest}):
            with pytest.raises(DatasetInvalid):
                text_data(("ab" * 60)[:size], params)
        else:
            text_data(("ab" * 60)[:size], params)


# --- the same as if the whole text were in memory ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_streamed_batches_are_those_of_the_whole_text_in_memory(kind, monkeypatch):
    monkeypatch.setattr(tokens_module, "PIECE", 100)
    text = TEXT + "One long line, " * 60 + "\n\n  indented\n" + TEXT
    params = GptTrain(**SMALL, vocabulary=kind, vocabulary_size=300)
    data = text_data(text, params)
    vocabulary = learn_vocabulary(kind, [text], 300)
    assert data.assets["vocabulary"] == vocabulary.to_json()
    if kind != "bpe":  # of bpe, words are cut where a line is longer than four pieces
        assert (data.tokens.read(0, len(data.tokens)) == vocabulary.encode(text)).all()
    whole = data.tokens.read(0, len(data.tokens)).astype(np.int32)
    train = whole[: int(len(whole) * (1 - params.validation_fraction))]
    for step, (x, y) in enumerate(data.train(0)):
        starts = tf.random.stateless_uniform([4], (params.seed, step), 0, len(train) - 8, tf.int32).numpy()
        assert (x.numpy() == [train[start : start + 8] for start in starts]).all()
        assert (y.numpy() == [train[start + 1 : start + 9] for start in starts]).all()


def test_bpe_in_pieces_gives_the_tokens_of_the_whole_where_lines_are_shorter_than_pieces(monkeypatch, tmp_path):
    monkeypatch.setattr(tokens_module, "PIECE", 64)
    text = (TEXT[:600] + "\n\n\n  a  b \t\n c\n") * 4
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8", newline="\n")
    parts = list(pieces(path))
    assert "".join(parts) == text and len(parts) > 10
    vocabulary = learn_vocabulary("bpe", [text], 400)
    assert np.concatenate([vocabulary.encode(part) for part in parts]).tolist() == vocabulary.encode(text).tolist()


def test_a_line_without_end_is_cut_so_that_memory_stays_bounded(monkeypatch, tmp_path):
    monkeypatch.setattr(tokens_module, "PIECE", 50)
    path = tmp_path / "text.txt"
    path.write_text("x" * 10_000, encoding="utf-8")
    parts = list(pieces(path))
    assert "".join(parts) == "x" * 10_000
    assert max(map(len, parts)) <= 5 * 50


@pytest.mark.parametrize(("kinds", "dtype"), [(200, "uint8"), (300, "uint16"), (70_000, "uint32")])
def test_tokens_take_as_many_bytes_as_their_vocabulary_needs(kinds, dtype):
    text = "".join(chr(0x4E00 + i) if i < 20_000 else chr(0x20000 + i - 20_000) for i in range(kinds)) * 2
    data = text_data(text, GptTrain(**SMALL))
    assert data.tokens.dtype == dtype
    assert data.tokens.read(0, kinds).tolist() == list(range(kinds))


def test_the_next_training_finds_the_tokens_and_another_vocabulary_makes_its_own(tmp_path):
    class Seeing(Context):
        told = 0

        def progress(self, progress):
            self.told += 1

    given = {"data": text_input(tmp_path / "dataset", TEXT)}
    first, again, other = (Seeing(cache_dir=tmp_path / "cache") for _ in range(3))
    one = load_text(given, GptTrain(**SMALL), first)
    two = load_text(given, GptTrain(**{**SMALL, "batch_size": 2}), again)
    load_text(given, GptTrain(**SMALL, vocabulary="byte"), other)
    assert first.told and not again.told and other.told
    assert one.tokens.read(0, len(one.tokens)).tolist() == two.tokens.read(0, len(two.tokens)).tolist()
    assert one.assets == two.assets
    assert len(list((tmp_path / "cache").rglob("tokens.bin"))) == 2


def test_holding_tokens_that_are_there_against_their_hashes_can_be_stopped(tmp_path):
    class Stopped(Context):
        def check(self):
            raise Cancelled("asked to")

    given = {"data": text_input(tmp_path / "dataset", TEXT)}
    load_text(given, GptTrain(**SMALL), Context(cache_dir=tmp_path / "cache"))
    with pytest.raises(Cancelled):
        load_text(given, GptTrain(**SMALL), Stopped(cache_dir=tmp_path / "cache"))


def test_of_two_trainings_that_make_the_same_at_once_the_slower_takes_what_the_faster_has_made(tmp_path):
    opened = text_input(tmp_path / "dataset", TEXT)
    context = Context(cache_dir=tmp_path / "cache")

    def making(by, before=lambda: None):
        def make(folder):
            before()
            (folder / "made").write_text(by)
            return {"by": by}

        with kept(context, "text", opened, {}, make) as (folder, facts):
            return facts["by"], (folder / "made").read_text()

    assert making("the slower", lambda: making("the faster")) == ("the faster", "the faster")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.name.startswith(".")] == []


def test_damaged_tokens_are_made_anew(tmp_path):
    given = {"data": text_input(tmp_path / "dataset", TEXT)}
    context = Context(cache_dir=tmp_path / "cache")
    before = load_text(given, GptTrain(**SMALL), context)
    expected = before.tokens.read(0, len(before.tokens)).tolist()
    (kept,) = (tmp_path / "cache").rglob("tokens.bin")
    kept.write_bytes(b"\0" * kept.stat().st_size)
    after = load_text(given, GptTrain(**SMALL), context)
    assert after.tokens.read(0, len(after.tokens)).tolist() == expected


def test_without_a_cache_nothing_is_left_and_the_data_stay_readable(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = text_data(TEXT, GptTrain(**SMALL))
    assert list(tmp_path.iterdir()) == []
    assert len(list(data.train(0))) == SMALL["steps"]


def test_reading_a_long_text_can_be_stopped_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tokens_module, "PIECE", 100)

    class Stopped(Context):
        looks = 0

        def check(self):
            self.looks += 1
            if self.looks == 3:
                raise Cancelled("asked to stop")

    for kind in ("char", "bpe"):
        given = {"data": text_input(tmp_path / "dataset", TEXT)}
        with pytest.raises(Cancelled):
            load_text(given, GptTrain(**SMALL, vocabulary=kind), Stopped(cache_dir=tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_the_memory_of_loading_and_reading_does_not_grow_with_the_text(kind, monkeypatch, tmp_path):
    monkeypatch.setattr(tokens_module, "PIECE", 1 << 12)
    least: dict[
        int, int
    ] = {}  # by characters, of several peaks: how many batches are made at once is the threads' chance
    for number, repeats in enumerate((100, *(100, 1_000) * 4)):  # the first finds what is made once
        given = {"data": text_input(tmp_path / f"{kind}{number}", TEXT[: 25 * 20] * repeats)}
        params = GptTrain(**SMALL, vocabulary=kind, validation_fraction=0.5)  # whole batches in either
        tracemalloc.start()
        data = load_text(given, params, Context())
        for _ in zip(data.train(0), data.validation().take(5), strict=False):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        if number:
            least[repeats] = min(least.get(repeats, peak), peak)
    assert least[1_000] < least[100] + 200_000


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_a_text_of_one_character_is_refused_with_the_reason(kind):
    with pytest.raises(DatasetInvalid, match="nothing can be learnt from one character"):
        text_data("a" * 2000, GptTrain(**SMALL, vocabulary=kind))


def test_prompts_become_what_the_importer_would_have_made_of_them():
    assert as_imported("\ufeffa\r\nb\rc e\u0301") == "a\nb\nc \u00e9"
