"""A real model of open weights, imported from its GGUF file, answers (tests/support/smollm2.py)."""

import numpy as np
import pytest

from shared.bases.importer import import_base
from shared.volume.volume import Volume
from tests.support.smollm2 import smollm2
from tests.support.tiny_bases import decoder_of
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
    model = Decoder(decoder_of(base))
    model.build()
    assign_base(model, folder)
    vocabulary = BaseVocabulary.of(folder)
    pieces = DecoderEngine(model, jit=False).decode(vocabulary.encode(CHAT), 12, GREEDY)
    tokens = np.concatenate(list(pieces), axis=1)[0]
    assert base.special.ends == [2]
    answer = tokens[: list(tokens).index(2)]
    assert vocabulary.text(answer) == "The capital of France is Paris."
