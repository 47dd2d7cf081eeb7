"""Decoding in chunks with a cache gives what the whole model gives, token by token, whatever borders it crosses."""

from typing import Any

import numpy as np
import pytest

from shared.errors import Interrupted, RecipeFailed
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.recipes.text_params import TextGenerate
from worker.context import Context
from worker.families.text.data import TextData
from worker.generation.decode.engine import CHUNK
from worker.generation.decode.sampling import Sampling
from worker.recipe import build_model, recipe_code

TEXT = "床前明月光，疑是地上霜。\nThe quick brown fox jumps over the lazy dog.\n" * 80
CONTEXT = 160


class Listening(Context):
    """Keeps the pieces of text; asks for a stop at the n-th look."""

    def __init__(self, stop_at: int = 0):
        super().__init__()
        self.pieces: list[tuple[int, str]] = []
        self.stop_at, self.looks = stop_at, 0

    def event(self, type: str, data: dict[str, Any]) -> None:
        assert type == "output"
        self.pieces.append((data["index"], data["text"]))

    def check(self) -> None:
        self.looks += 1
        if self.looks == self.stop_at:
            raise Interrupted("cancel")

    def text(self, index: int) -> str:
        return "".join(text for i, text in self.pieces if i == index)


@pytest.fixture(scope="module")
def opened():
    """recipe[, vocabulary] -> (model, generator, params); weights large enough that the likeliest tokens differ by place."""
    made: dict[Any, Any] = {}

    def make(recipe: str, vocabulary: str = "char"):
        if (recipe, vocabulary) not in made:
            values = {"context": CONTEXT, "width": 32, "layers": 2, "vocabulary": vocabulary, "vocabulary_size": 300}
            params = validate_params(get_recipe(recipe).train_params, values)
            code = recipe_code(recipe)
            data = TextData(TEXT, params)
            model = build_model(code, params, data.assets)
            rng = np.random.default_rng(1)
            model.set_weights([w + rng.normal(0, 0.3, w.shape) * (w.ndim > 1) for w in model.get_weights()])
            made[recipe, vocabulary] = model, code.open_generator(model, params, data.assets), params
        return made[recipe, vocabulary]

    return make


def greedy(model: Any, prompt: np.ndarray, most: int, context: int) -> list[int]:
    """The slow way: the whole model over the whole text for each token; past the context its last half is read anew."""
    window, new = list(prompt), []
    for _ in range(most):
        if len(window) >= context:
            window = window[-(context // 2) :]
        padded = np.zeros((1, context), np.int32)
        padded[0, : len(window)] = window
        new.append(int(np.argmax(model(padded)[0, len(window) - 1])))
        window.append(new[-1])
    return new


def sampling(rows: int = 1, **values: Any) -> Sampling:
    return Sampling.same(rows, TextGenerate(**values))


def decoded(engine: Any, prompt: np.ndarray, most: int, how: Sampling) -> np.ndarray:
    return np.concatenate(list(engine.decode(prompt, most, how)), axis=1)


@pytest.mark.parametrize(("start", "most"), [(5, 100), (63, 4), (64, 4), (100, 120), (159, 3), (160, 3), (400, 10)])
def test_greedy_with_the_cache_is_greedy_of_the_full_model_past_buckets_and_past_the_context(opened, start, most):
    model, generator, params = opened("gpt")
    prompt = generator._vocabulary.encode(TEXT[:start])
    tokens = decoded(generator._engine, prompt, most, sampling(temperature=0))[0]
    assert list(tokens) == greedy(model, prompt, most, params.context)
    assert len(set(tokens)) > 1 or most < 5


@pytest.mark.parametrize("start", [1, 64, 70])
def test_greedy_with_a_carried_state_is_greedy_of_the_full_lstm(opened, start):
    model, generator, _ = opened("char_lstm")
    prompt = generator._vocabulary.encode(TEXT[:start])
    tokens = decoded(generator._engine, prompt, 90, sampling(temperature=0))[0]
    logits = model.predict_on_batch(np.concatenate([prompt, tokens])[None, :-1])[0]
    assert list(tokens) == list(logits[start - 1 :].argmax(-1))


@pytest.mark.parametrize("recipe", ["gpt", "char_lstm"])
def test_a_row_does_not_depend_on_how_many_are_made_beside_it(opened, recipe):
    _, generator, _ = opened(recipe)
    many = generator.generate(TextGenerate(prompt="The", max_tokens=100, samples=5, seed=4), Context()).summary["texts"]
    one = generator.generate(TextGenerate(prompt="The", max_tokens=100, samples=1, seed=4), Context()).summary["texts"]
    assert many[0] == one[0]
    assert len(set(many)) == 5


@pytest.mark.parametrize("recipe", ["gpt", "char_lstm"])
def test_no_setting_compiles_anything_anew(opened, recipe):
    _, generator, _ = opened(recipe)
    settings: list[dict[str, Any]] = [
        {"temperature": 0}, {"temperature": 1.3, "seed": 9}, {"top_k": 3}, {"top_p": 0.5}, {"max_tokens": 7},
        {"repetition_penalty": 1.5}, {"prompt": "The quick brown"}, {"stop": ["fox"]},
    ]  # fmt: skip
    generator.generate(TextGenerate(max_tokens=20), Context())

    def traced() -> int:
        return sum(f.experimental_get_tracing_count() for f in generator._engine._compiled.values())

    before = traced()
    for values in settings:
        generator.generate(TextGenerate.model_validate({"prompt": "The", "max_tokens": 20, **values}), Context())
    assert traced() == before


def test_top_k_one_and_a_tiny_top_p_are_greedy_and_a_penalty_avoids_what_was_there(opened):
    _, generator, _ = opened("gpt")
    texts = [
        generator.generate(
            TextGenerate.model_validate({"prompt": "The", "max_tokens": 30, **values}), Context()
        ).summary["texts"][0]
        for values in ({"temperature": 0}, {"top_k": 1, "seed": 5}, {"top_p": 1e-6, "seed": 6})
    ]
    assert texts[0] == texts[1] == texts[2]
    plain = decoded(generator._engine, np.array([3], np.int32), 40, sampling(temperature=0))[0]
    varied = decoded(generator._engine, np.array([3], np.int32), 40, sampling(temperature=0, repetition_penalty=5))[0]
    assert len(set(varied)) > len(set(plain))


@pytest.mark.parametrize("vocabulary", ["char", "byte", "bpe"])
def test_what_was_streamed_is_the_text_and_is_whole_characters(opened, vocabulary):
    _, generator, _ = opened("gpt", vocabulary)
    context = Listening()
    summary = generator.generate(TextGenerate(prompt="床前", max_tokens=150, samples=2, seed=1), context).summary
    assert [context.text(0), context.text(1)] == summary["texts"]
    assert summary["tokens"] == 300
    for _, piece in context.pieces:
        piece.encode()


def test_a_text_ends_before_a_stop_text_and_nothing_of_it_was_streamed(opened):
    _, generator, _ = opened("gpt")
    whole = generator.generate(TextGenerate(prompt="The", max_tokens=120, seed=2), Context()).summary["texts"][0]
    stop = whole[62:67]  # the first pieces of a long text end after 16 and 80 tokens; a short one's after 64
    for most in (120, 64 + 5):
        context = Listening()
        params = TextGenerate(prompt="The", max_tokens=most, seed=2, stop=[stop])
        (text,) = generator.generate(params, context).summary["texts"]
        assert text == whole[: whole.index(stop)] == context.text(0)


def test_a_stop_is_heeded_within_a_chunk(opened):
    _, generator, _ = opened("gpt")
    context = Listening(stop_at=2)
    with pytest.raises(Interrupted):
        generator.generate(TextGenerate(prompt="The", max_tokens=100_000), context)
    assert len(context.text(0)) <= 2 * CHUNK


def test_characters_the_model_never_saw_are_refused_by_name(opened):
    _, generator, _ = opened("gpt")
    with pytest.raises(RecipeFailed, match="龍"):
        generator.generate(TextGenerate(prompt="龍"), Context())


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("recipe", ["gpt", "char_lstm"])
def test_a_model_of_low_precision_shows_samples_and_generates(recipe, precision):
    values = {"context": 16, "width": 16, "layers": 1, "precision": precision}
    params = validate_params(get_recipe(recipe).train_params, values)
    code, data = recipe_code(recipe), TextData(TEXT, params)
    model = build_model(code, params, data.assets)
    (shown,) = code.sample(model, params, data.assets, seed=1)
    assert len(shown.text or "") > 100
    made = code.open_generator(model, params, data.assets).generate(TextGenerate(prompt="The", max_tokens=5), Context())
    assert len(made.summary["texts"][0]) == 5
