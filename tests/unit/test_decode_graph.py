"""What XLA compiles anew: a function whose argument must be a constant is compiled for each of its values."""

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from shared.recipes import get_recipe  # noqa: E402
from worker.generation.decode.decoder import DecoderEngine  # noqa: E402
from worker.recipe import Assets, code_of  # noqa: E402

CONSTANT = {"StridedSlice": slice(1, 4), "Slice": slice(1, 3), "Reshape": slice(1, 2), "Range": slice(0, 3)}  # inputs


def test_no_place_in_a_text_is_compiled_for_itself():
    spec = get_recipe("gpt")
    params = spec.train_params.model_validate({"context": 128, "layers": 1, "width": 16, "heads": 2})
    characters = {"kind": "char", "characters": "abc"}
    model = code_of(spec).build(params, Assets({"vocabulary": characters, "beginning": "a"}, {}), {})
    engine = DecoderEngine(model)
    state, _, _ = engine.begin(np.array([0, 1], np.int32))

    @tf.function(autograph=False)
    def step(tokens, place, *state):
        return engine.step(list(state), tokens, place)

    graph = step.get_concrete_function(tf.constant([1]), tf.constant(2), *state).graph
    for op in graph.get_operations():
        for given in op.inputs[CONSTANT[op.type]] if op.type in CONSTANT else ():
            assert tf.get_static_value(given) is not None, f"{op.name} ({op.type}) goes by {given.name}"
