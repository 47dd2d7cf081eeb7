"""A real model of open weights, imported from its GGUF file, answers and is fine-tuned (tests/support/smollm2.py)."""

import signal
from contextlib import closing

import numpy as np
import pytest

from shared.bases.importer import import_base
from shared.ids import new_id
from shared.jobs.job import InputRef
from shared.volume.volume import Volume
from tests.support.smollm2 import smollm2
from tests.support.tiny_chats import tiny_chats
from tests.support.training_child import TrainingServer
from tests.support.uploads import load
from worker.families.language.network import Decoder
from worker.families.language.tokens import BaseVocabulary
from worker.families.language.weights import assign_base
from worker.generation.decode.decoder import DecoderEngine
from worker.generation.decode.sampling import Sampling

CHAT = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
)
GREEDY = Sampling(*(np.array([v], kind) for v, kind in ((0, "f4"), (0, "i4"), (1, "f4"), (1, "f4"), (0, "i4"))))


@pytest.mark.timeout(600)
def test_smollm2_knows_the_capital_of_france(tmp_path):
    path = smollm2()
    volume = Volume(tmp_path / "volume")
    base = import_base(volume, {path.name: path}, name="SmolLM2", source="a test")
    assert (base.family, base.parameters, base.licence) == ("llama", 134_515_008, "apache-2.0")
    folder = volume.base_dir(base.id)
    assert "<|im_start|>" in (folder / "chat_template.jinja").read_text()
    model = Decoder(base.decoder)
    model.build()
    assign_base(model, folder)
    vocabulary = BaseVocabulary.of(folder)
    pieces = DecoderEngine(model, jit=False).decode(vocabulary.encode(CHAT), 12, GREEDY)
    tokens = np.concatenate(list(pieces), axis=1)[0]
    assert base.special.ends == [2]
    answer = tokens[: list(tokens).index(2)]
    assert vocabulary.text(answer) == "The capital of France is Paris."


@pytest.mark.timeout(3600)
def test_a_fine_tuning_of_smollm2_that_is_killed_goes_on_to_the_same_bits(tmp_path):
    path = smollm2()
    volume = Volume(tmp_path / "volume")
    volume.ensure()
    base = import_base(volume, {path.name: path}, name="SmolLM2", source="a test")
    data = load(volume, *tiny_chats(12))
    inputs = {"data": InputRef(dataset_id=data.id), "base": InputRef(base_id=base.id)}
    order = {
        "volume": str(volume.root), "recipe": "finetune_lm", "params": {"steps": 4, "batch_size": 2, "context": 64},
        "inputs": {role: ref.model_dump(mode="json") for role, ref in inputs.items()},
    }  # fmt: skip
    whole, killed = new_id(), new_id()
    with closing(TrainingServer()) as server:
        runs = [{"job": whole, "attempt": 1}, {"job": killed, "attempt": 1, "after": 2, "then": "killed"}]
        status, (undisturbed,) = server.carry_out(order | {"runs": runs})
        assert status == -signal.SIGKILL
        newest = volume.newest_checkpoint(killed, below_attempt=2)
        assert newest is not None and 2 <= newest.ref.step < 4
        _, (again,) = server.carry_out(order | {"runs": [{"job": killed, "attempt": 2}]})
    for same in ("hash", "metrics", "report"):
        assert again[same] == undisturbed[same]
