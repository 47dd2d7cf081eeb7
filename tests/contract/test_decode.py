"""Decoding in chunks with a cache gives what the whole model gives, token by token, whatever borders it crosses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import Interrupted, RecipeFailed
from shared.outputs import Text
from shared.recipes import get_recipe
from shared.recipes.base import validate_params
from shared.recipes.text_params import TextGenerate
from tests.support.tiny_text import text_data
from worker.artifacts import Files
from worker.context import Context
from worker.families.text.writer import sampling_engine
from worker.generation.decode.decoder import DecoderEngine
from worker.generation.decode.engine import CHUNK
from worker.generation.decode.sampling import Sampling
from worker.recipe import Report, build_model, recipe_code

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
            data = text_data(TEXT, params)
            model = build_model(code, params, data.assets, {})
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


def written(generator: Any, context: Context | None = None, **values: Any) -> Report:
    """What a generation made."""
    params = TextGenerate.model_validate(values)
    return generator.generate(params, context or Context(), Files(Path("no file is written")))


def shown(report: Report) -> list[Text]:
    assert all(isinstance(output, Text) for output in report.outputs)
    return [output for output in report.outputs if isinstance(output, Text)]


def texts(report: Report) -> list[str]:
    return [output.text for output in shown(report)]


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
    many = texts(written(generator, prompt="The", max_tokens=100, samples=5, seed=4))
    one = texts(written(generator, prompt="The", max_tokens=100, samples=1, seed=4))
    assert many[0] == one[0]
    assert len(set(many)) == 5


@pytest.mark.parametrize("recipe", ["gpt", "char_lstm"])
def test_no_setting_compiles_anything_anew(opened, recipe):
    _, generator, _ = opened(recipe)
    settings: list[dict[str, Any]] = [
        {"temperature": 0}, {"temperature": 1.3, "seed": 9}, {"top_k": 3}, {"top_p": 0.5}, {"max_tokens": 7},
        {"repetition_penalty": 1.5}, {"prompt": "The quick brown"}, {"stop": ["fox"]},
    ]  # fmt: skip
    written(generator, max_tokens=20)

    def traced() -> int:
        return sum(f.experimental_get_tracing_count() for f in generator._engine._compiled.values())

    before = traced()
    for values in settings:
        wanted: dict[str, Any] = {"prompt": "The", "max_tokens": 20} | values
        written(generator, **wanted)
    assert traced() == before


def test_top_k_one_and_a_tiny_top_p_are_greedy_and_a_penalty_avoids_what_was_there(opened):
    _, generator, _ = opened("gpt")
    settings: list[dict[str, Any]] = [{"temperature": 0}, {"top_k": 1, "seed": 5}, {"top_p": 1e-6, "seed": 6}]
    one, two, three = (texts(written(generator, prompt="The", max_tokens=30, **values)) for values in settings)
    assert one == two == three
    plain = decoded(generator._engine, np.array([3], np.int32), 40, sampling(temperature=0))[0]
    varied = decoded(generator._engine, np.array([3], np.int32), 40, sampling(temperature=0, repetition_penalty=5))[0]
    assert len(set(varied)) > len(set(plain))


@pytest.mark.parametrize("vocabulary", ["char", "byte", "bpe"])
def test_what_was_streamed_is_the_text_and_is_whole_characters(opened, vocabulary):
    _, generator, _ = opened("gpt", vocabulary)
    context = Listening()
    report = written(generator, context, prompt="床前", max_tokens=150, samples=2, seed=1)
    assert [context.text(0), context.text(1)] == texts(report)
    assert [output.prompt for output in shown(report)] == ["床前", "床前"]
    assert report.metrics["tokens"] == 300
    for _, piece in context.pieces:
        piece.encode()


def test_a_text_ends_before_a_stop_text_and_nothing_of_it_was_streamed(opened):
    _, generator, _ = opened("gpt")
    (whole,) = texts(written(generator, prompt="The", max_tokens=120, seed=2))
    stop = whole[62:67]  # the first pieces of a long text end after 16 and 80 tokens; a short one's after 64
    for most in (120, 64 + 5):
        context = Listening()
        (text,) = texts(written(generator, context, prompt="The", max_tokens=most, seed=2, stop=[stop]))
        assert text == whole[: whole.index(stop)] == context.text(0)


def test_a_stop_is_heeded_within_a_chunk(opened):
    _, generator, _ = opened("gpt")
    context = Listening(stop_at=2)
    with pytest.raises(Interrupted):
        written(generator, context, prompt="The", max_tokens=100_000)
    assert len(context.text(0)) <= 2 * CHUNK


def test_characters_the_model_never_saw_are_refused_by_name(opened):
    _, generator, _ = opened("gpt")
    with pytest.raises(RecipeFailed, match="龍"):
        written(generator, prompt="龍")


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("recipe", ["gpt", "char_lstm"])
def test_a_model_of_low_precision_shows_samples_and_generates(recipe, precision):
    values = {"context": 16, "width": 16, "layers": 1, "precision": precision}
    params = validate_params(get_recipe(recipe).train_params, values)
    code, data = recipe_code(recipe), text_data(TEXT, params)
    model = build_model(code, params, data.assets, {})
    (drawn,) = code.sample(
        model, params, data.assets, seed=1, context=Context(), files=Files(Path("no file is written"))
    )
    assert isinstance(drawn, Text) and drawn.prompt == TEXT[: len(drawn.prompt)] and len(drawn.text) > 100
    (made,) = texts(written(code.open_generator(model, params, data.assets), prompt="The", max_tokens=5))
    assert len(made) == 5


def test_samples_while_training_trace_their_graph_once_for_a_model(opened):
    model, _, _ = opened("gpt")
    engine = sampling_engine(DecoderEngine, model)
    assert sampling_engine(DecoderEngine, model) is engine
    other, _, _ = opened("gpt", "byte")
    assert sampling_engine(DecoderEngine, other) is not engine


def test_a_prompt_and_stop_texts_are_read_as_the_training_text_was(opened):
    _, generator, _ = opened("gpt", "bpe")
    (plain,) = texts(written(generator, prompt="caf\u00e9\n", max_tokens=40, seed=3))
    report = written(generator, prompt="\ufeffcafe\u0301\r\n", max_tokens=40, seed=3)
    assert texts(report) == [plain] and shown(report)[0].prompt == "\ufeffcafe\u0301\r\n"
    with pytest.raises(RecipeFailed, match="no text to go on from"):
        written(generator, prompt="\ufeff")
    _, chars, _ = opened("gpt")
    (whole,) = texts(written(chars, prompt="The", max_tokens=400, temperature=1.5, seed=2))
    at = whole.index("\n")
    (cut,) = texts(
        written(chars, prompt="The", max_tokens=400, temperature=1.5, seed=2, stop=[whole[at - 2 : at] + "\r\n"])
    )
    assert cut == whole[: whole.index(whole[at - 2 : at + 1])]


def test_a_text_without_a_prompt_begins_with_what_the_model_knows(opened):
    _, generator, _ = opened("gpt")
    (made,) = shown(written(generator, max_tokens=20, seed=1))
    assert (made.prompt, made.text) == ("", texts(written(generator, prompt="\n", max_tokens=20, seed=1))[0])
    values = {"context": 8, "width": 8, "layers": 1, "embedding": 4}
    params = validate_params(get_recipe("char_lstm").train_params, values)
    code, data = recipe_code("char_lstm"), text_data("one line alone, without an end " * 100, params)
    one_line = code.open_generator(build_model(code, params, data.assets, {}), params, data.assets)
    (made,) = shown(written(one_line, max_tokens=5))
    assert (made.prompt, len(made.text)) == ("o", 5)


def test_progress_counts_to_the_last_token_also_where_a_text_ends_early(opened):
    class Told(Context):
        last: Any = None

        def progress(self, progress: Any) -> None:
            self.last = progress

    _, generator, _ = opened("gpt")
    for stop in ([], ["e", "T", "o", "明", "\n"]):
        told = Told()
        report = written(generator, told, prompt="The", max_tokens=200, seed=1, stop=stop)
        assert told.last.phase == "generating"
        assert told.last.step == told.last.total_steps == report.metrics["tokens"]
    assert told.last.step < 200
