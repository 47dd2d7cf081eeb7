"""Batches of a text: windows that depend on (seed, step) alone, and a validation loss that is the exact mean."""

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from shared.errors import DatasetInvalid
from shared.recipes.gpt import GptTrain
from shared.recipes.text_params import check_text
from worker.families.text.data import TextData
from worker.recipe import build_model, recipe_code

TEXT = "床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。\n" * 40
SMALL: dict[str, Any] = {"context": 8, "batch_size": 4, "steps": 6, "layers": 1, "heads": 2, "width": 16}


def test_step_s_has_the_same_windows_wherever_training_starts():
    data = TextData(TEXT, GptTrain(**SMALL))
    whole, later = list(data.train(0)), list(data.train(4))
    assert len(whole) == 6
    for (x, y), (again_x, again_y) in zip(whole[4:], later, strict=True):
        assert (x.numpy() == again_x.numpy()).all()
        assert (y.numpy() == again_y.numpy()).all()
    assert (whole[0][0].numpy()[:, 1:] == whole[0][1].numpy()[:, :-1]).all()
    assert any((whole[0][0].numpy() != x.numpy()).any() for x, _ in whole[1:])


def test_training_never_sees_the_validation_part():
    data = TextData("a" * 900 + "b" * 100, GptTrain(**SMALL))
    b = data.vocabulary.encode("b")[0]
    assert not any((y.numpy() == b).any() for _, y in data.train(0))


@pytest.mark.parametrize("length", [1037, 1000, 99_991])
def test_every_validation_token_but_the_first_is_predicted_once(length):
    rng = np.random.default_rng(0)
    data = TextData("".join(rng.choice(list("abcd"), length)), GptTrain(**SMALL))
    x, y, weight = (
        np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*data.validation(), strict=True)
    )
    assert (x[weight > 0] == data.val_tokens[:-1]).all()
    assert (y[weight > 0] == data.val_tokens[1:]).all()
    assert weight.mean() == pytest.approx(1, abs=1e-5)
    assert len({tuple(batch[0].shape) for batch in data.validation()}) == 1


def test_the_validation_loss_is_the_mean_over_the_whole_part():
    params, code = GptTrain(**SMALL), recipe_code("gpt")
    data = TextData(TEXT, params)
    model = build_model(code, params, data.assets)
    model.compile(**code.compile_args(params, data.assets))
    tokens, total = data.val_tokens, 0.0
    for start in range(0, len(tokens) - 1, params.context):
        part = tokens[start : start + params.context + 1]
        logits = model(part[None, :-1])
        losses: Any = keras.losses.sparse_categorical_crossentropy(part[None, 1:], logits, from_logits=True)
        total += float(losses.numpy().sum())
    assert (len(tokens) - 1) % params.context
    assert code.report(model, data, params).metrics["val_loss"] == pytest.approx(total / (len(tokens) - 1), rel=1e-5)


def test_a_text_with_too_few_pieces_is_refused_with_the_context_that_fits():
    with pytest.raises(DatasetInvalid, match=r"set params\.context to"):
        TextData("too short a text for this", GptTrain(**SMALL))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.37, 0.5])
def test_the_check_before_training_refuses_exactly_what_loading_refuses(share):
    params = GptTrain.model_validate({**SMALL, "validation_fraction": share})
    for size in range(10, 120):
        manifest: Any = SimpleNamespace(stats={"characters": size}, files=[])
        if check_text(params, manifest):
            with pytest.raises(DatasetInvalid):
                TextData(("ab" * 60)[:size], params)
        else:
            TextData(("ab" * 60)[:size], params)
