"""Fine-tuning a base: rows in one window do not meet, a step is the same however it is taken, what is taken away is the model."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("tensorflow")

import keras
import tensorflow as tf
from tokenizers import Tokenizer

from shared.bases.importer import import_base
from shared.errors import RecipeFailed
from shared.jobs.job import InputRef
from shared.recipes.base import validate_params
from shared.recipes.finetune_lm import SPEC
from shared.recipes.text_params import TextGenerate
from shared.volume.volume import Volume
from tests.support.recipe_cases import CASES
from tests.support.tiny_bases import NAMES, PAGE, expected_of, put_base
from worker.artifacts import Files
from worker.context import Context
from worker.families.language.network import Decoder
from worker.families.language.weights import assign_base
from worker.families.tuning.adapters import adapted, aside
from worker.families.tuning.exporting import export_tuned
from worker.families.tuning.measuring import base_measured, forgotten, measure
from worker.families.tuning.network import fixed_of
from worker.families.tuning.seats import bare_engine_of, engine_of
from worker.families.tuning.vocabulary import BaseVocabulary, reader_from
from worker.generation.decode.decoder import DecoderEngine
from worker.generation.decode.sampling import Sampling
from worker.inputs import open_inputs
from worker.recipe import build_model, code_of, optional

pytestmark = pytest.mark.timeout(400)
SHORT = {"precision": "float32", "context": 96, "batch_size": 4}


@pytest.fixture(scope="module")
def volume(tmp_path_factory):
    volume = Volume(tmp_path_factory.mktemp("volume"))
    volume.ensure()
    return volume


def opened(volume, name="finetune_lm", weights="llama", **params):
    """(params, data, a model as it begins) of a case."""
    case = CASES[name]
    given = {"data": InputRef(dataset_id=case.put(volume, case.data()).id), "base": put_base(volume, weights)}
    checked = validate_params(SPEC.train_params, {**SHORT, **params})
    inputs = open_inputs(given, Context(volume=volume))
    code = code_of(SPEC)
    data = code.load(inputs, checked, Context(volume=volume))
    return SimpleNamespace(
        params=checked, data=data, model=build_model(code, checked, data.assets, inputs), inputs=inputs
    )


def disturb(model, seed=0):
    """Give the adapters something to say."""
    rng = np.random.default_rng(seed)
    for _, layer in adapted(model):
        layer.b.assign(rng.normal(0, 0.05, layer.b.shape))


def steps(volume, count=3, **params):
    made = opened(volume, **params)
    made.model.compile(optimizer=keras.optimizers.SGD(0.05), jit_compile=False)
    run = tf.function(made.model.train_step, autograph=False)
    losses = []
    for batch in made.data.train(0).take(count):
        made.model.reset_metrics()
        losses.append(float(run(batch)["loss"]))
    return losses


def test_a_step_is_the_same_whether_windows_or_blocks_are_taken_together_or_apart(volume):
    whole = steps(volume)
    assert steps(volume, at_once=1) == pytest.approx(whole, rel=1e-5)
    assert steps(volume, at_once=2, rematerialise=True) == pytest.approx(whole, rel=1e-5)
    assert whole[-1] < whole[0]


def test_logits_made_in_pieces_give_the_same_step(volume, monkeypatch):
    whole = steps(volume)
    monkeypatch.setattr("worker.families.tuning.network.LOGITS_AT_ONCE", 320 * 100)
    assert steps(volume) == pytest.approx(whole, rel=1e-5)


def test_rows_in_one_window_are_measured_as_if_each_were_alone(volume):
    together, apart = opened(volume), opened(volume, packing=False)
    assert len(together.data.val_windows) <= len(apart.data.val_windows)
    one, other = (measure(made.model, made.data) for made in (together, apart))
    assert np.array_equal(one.counts, other.counts)
    assert one.nats == pytest.approx(other.nats, rel=1e-4)


def test_every_row_is_learnt_from_once_an_epoch_and_only_its_answers(volume):
    data = opened(volume).data
    learnt = sum(int(weight.numpy().sum()) for _, _, weight in data.train(0).take(data.steps_per_epoch))
    assert learnt == int(data.rows.learnt[data.train_rows].sum())
    vocabulary = BaseVocabulary(data.reader.vocabulary)
    _, y, weight = next(iter(data.train(0)))
    said = vocabulary.decode([int(t) for t, w in zip(y[0].numpy(), weight[0].numpy(), strict=True) if w])
    assert set(said.split("<|im_end|>")) <= {f"It is {c}." for c in ("green", "white", "red", "black", "blue")} | {
        f"Yes, {c}." for c in ("green", "white", "red", "black", "blue")
    } | {""}


def test_batches_are_the_same_from_any_step_on(volume):
    data = opened(volume, epochs=2).data
    later = [y.numpy() for _, y, _ in data.train(0)][3:]
    assert all(np.array_equal(y.numpy(), there) for (_, y, _), there in zip(data.train(3), later, strict=True))


def test_only_adapters_learn_and_are_kept_and_set_aside_the_base_answers(volume):
    made = opened(volume)
    expected = expected_of("llama")
    prompt = np.array([expected.prompt], np.int32)
    learning = {id(variable) for variable in made.model.trainable_variables}
    assert len(learning) == 2 * 7 * made.model.config.layers
    assert not learning & set(map(id, fixed_of(made.model)))
    assert len(fixed_of(made.model)) + len(learning) == len(made.model.variables)
    assert np.abs(np.asarray(made.model(prompt))[0] - expected.logits).max() < 1e-4
    disturb(made.model)
    assert np.abs(np.asarray(made.model(prompt))[0] - expected.logits).max() > 0.1
    with aside(made.model):
        assert np.abs(np.asarray(made.model(prompt))[0] - expected.logits).max() < 1e-4


def test_in_bfloat16_the_base_is_held_in_it_and_adapters_are_not(volume):
    model = opened(volume, precision="bfloat16").model
    assert {variable.dtype for variable in fixed_of(model)} == {"bfloat16"}
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}


def test_preferences_begin_where_nothing_is_preferred_and_fall(volume):
    losses = steps(volume, 4, name="finetune_lm by preferences", weights="gpt2", batch_size=2, at_once=1)
    assert losses[0] == pytest.approx(np.log(2), abs=1e-6) and losses[-1] < losses[0]


def test_what_has_been_forgotten_is_told_beside_the_base(volume):
    made = opened(volume)
    base = base_measured(made.model, made.data)
    disturb(made.model)
    own = measure(made.model, made.data)
    assert base_measured(made.model, made.data) is base and own.general != base.general
    assert f"{base.general:.3f}" in forgotten(own, base)


def test_an_answer_ends_at_the_token_that_ends_it_and_no_character_is_halved(volume):
    vocabulary = BaseVocabulary(reader_from(opened(volume).data.assets).vocabulary)
    (end,) = vocabulary.ends
    decoder = vocabulary.decoder()
    tokens = vocabulary.encode("床 ok")
    text = "".join(decoder.feed(np.array([token])) for token in tokens)
    text += decoder.feed(np.array([end, *tokens]))
    assert text == "床 ok" and decoder.ended and decoder.beyond == len(tokens) + 1
    halved = vocabulary.decoder()
    assert halved.feed(vocabulary.encode("床")[:1], last=True) == ""


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_taken_away_is_the_model_with_its_adapters_added(volume, name, tmp_path):
    matrices = ["q", "v", "o", "down"]
    made = opened(volume, weights=name, matrices=matrices, rank=3, alpha=5.0)
    disturb(made.model)
    export_tuned(made.model, made.params, made.data.assets, tmp_path)
    merged = {path.name: path for path in (tmp_path / "merged").iterdir()}
    base = import_base(volume, merged, name="merged", source="a test")
    assert base.family == {"llama3": "llama"}.get(name, name) and base.has_template
    model = Decoder(base.decoder)
    model.build()
    assign_base(model, volume.base_dir(base.id))
    assert base.config == made.model.config
    prompt = np.array([expected_of(name).prompt], np.int32)
    assert np.abs(np.asarray(model(prompt)) - np.asarray(made.model(prompt))).max() < 1e-4


# Tiny models have scales and windows that none of the real sizes has, which GGUF files rely on; llama3's tokenizer is Llama's.
UNSAID = {"llama3": "tokenizer", "qwen2": "windows", "gemma2": "scale", "gemma3": "scale, windows"}


@pytest.mark.parametrize("name", NAMES)
def test_gguf_files_taken_away_are_the_model_again_or_say_why_there_are_none(volume, name, tmp_path):
    made = opened(volume, weights=name, rank=3, alpha=5.0)
    disturb(made.model)
    export_tuned(made.model, made.params, made.data.assets, tmp_path)
    written = {path.name: path for path in (tmp_path / "gguf").iterdir()}
    if name in UNSAID:
        assert UNSAID[name] in written.pop("not_written.txt").read_text() and not written
        return
    prompt = np.array([expected_of(name).prompt], np.int32)
    wanted = np.asarray(made.model(prompt))
    greedy = greedy_of(made.model, prompt)
    vocabulary = BaseVocabulary(reader_from(made.data.assets).vocabulary)
    for file, apart in (("model-f16.gguf", 0.1), ("model-q8_0.gguf", 1.0)):  # logits go from -10 to 10
        base = import_base(volume, {file: written[file]}, name=file, source="a test")
        model = Decoder(base.decoder)
        model.build()
        assign_base(model, volume.base_dir(base.id))
        assert np.abs(np.asarray(model(prompt)) - wanted).max() < apart
        if file == "model-f16.gguf":
            assert greedy_of(model, prompt) == greedy
        tokenizer = Tokenizer.from_file(str(volume.base_dir(base.id) / "tokenizer.json"))
        assert tokenizer.encode(PAGE, add_special_tokens=False).ids == vocabulary.encode(PAGE).tolist()
        assert base.special.ends == sorted(vocabulary.ends) and base.has_template


def greedy_of(model, prompt):
    sampling = Sampling.same(1, TextGenerate(temperature=0))
    return next(iter(DecoderEngine(model, jit=False).decode(prompt[0], 8, sampling)))[0].tolist()


def test_models_upon_one_base_hold_it_once_and_answer_as_if_each_were_alone(volume):
    prompt = np.array([expected_of("qwen3").prompt], np.int32)
    alone = opened(volume, weights="qwen3", rank=2)
    disturb(alone.model)
    wanted = np.asarray(alone.model(prompt))
    other = opened(volume, weights="qwen3", rank=5, matrices=["q", "down"])
    again = opened(volume, weights="qwen3", rank=2)
    for (_, one), (_, same) in zip(adapted(alone.model), adapted(again.model), strict=True):
        assert np.array_equal(one.a.numpy(), same.a.numpy())  # whether it was built first or upon another
    with_its_base = np.asarray(other.model(prompt))
    disturb(other.model)
    assert set(map(id, fixed_of(alone.model))) == set(map(id, fixed_of(other.model)))
    assert np.abs(with_its_base[0] - expected_of("qwen3").logits).max() < 1e-4
    assert np.array_equal(np.asarray(alone.model(prompt)), wanted)
    assert np.abs(np.asarray(other.model(prompt)) - wanted).max() > 0.1
    assert len(other.model.trainable_variables) == 2 * 2 * other.model.config.layers
    narrow = opened(volume, weights="qwen3", precision="bfloat16")
    assert not set(map(id, fixed_of(narrow.model))) & set(map(id, fixed_of(alone.model)))


def test_models_upon_one_base_take_turns_in_what_is_compiled_once(volume):
    prompt, sampling = np.array(expected_of("qwen3").prompt, np.int32), Sampling.same(1, TextGenerate(temperature=0))

    def written(engine):
        return next(iter(engine.decode(prompt, 8, sampling)))[0].tolist()

    models = [opened(volume, weights="qwen3", rank=2).model for _ in range(3)]
    for number, model in enumerate(models[:2]):
        disturb(model, number)
    wanted = [written(DecoderEngine(model, jit=False)) for model in models]
    assert wanted[0] != wanted[1] and wanted[2] == expected_of("qwen3").greedy[:8]
    engines = [engine_of(model) for model in models]
    assert len({id(engine._seat) for engine in engines}) == 1
    assert [written(engine) for engine in engines] == wanted
    compiled = len(engines[0]._seat._compiled)
    assert [written(engine) for engine in engines] == wanted and len(engines[0]._seat._compiled) == compiled
    bare = [bare_engine_of(model) for model in models[:2]]
    assert bare[0] is bare[1] and written(bare[1]) == wanted[2]
    other = opened(volume, weights="qwen3", rank=3).model
    assert engine_of(other)._seat is not engines[0]._seat and bare_engine_of(other) is not bare[0]


def test_everything_that_learns_is_measured_beside_a_base_built_once_more(volume):
    made = opened(volume, name="finetune_lm of everything", weights="gemma3", method="full", steps=2)
    assert fixed_of(made.model) == []
    base, own = base_measured(made.model, made.data), measure(made.model, made.data)
    assert base.loss == pytest.approx(own.loss, rel=1e-5)


def test_a_base_answers_as_it_came_and_has_no_other_beside_it(volume, tmp_path):
    base = open_inputs({"base": put_base(volume, "qwen3")}, Context(volume=volume))["base"]
    open_base = optional(code_of(SPEC), "open_base")
    assert open_base is not None
    answerer, expected = open_base(base), expected_of("qwen3")

    def asked(**values):
        given = {"max_tokens": 12, "temperature": 0, "seed": 1, **values}
        return validate_params(SPEC.use("generate").params, given)

    sampling = Sampling.same(1, asked(prompt="x"))
    (piece,) = answerer._engine.decode(np.array(expected.prompt, np.int32), 12, sampling)
    assert piece[0].tolist() == expected.greedy[:12]
    (text,) = answerer.generate(asked(prompt="x", system="Be brief."), Context(), Files(tmp_path)).outputs
    assert text.kind == "text" and text.prompt == "x"
    with pytest.raises(RecipeFailed, match="leave base out"):
        answerer.generate(asked(prompt="x", base=True), Context(), Files(tmp_path))
