"""How much memory a fine-tuning takes, from the shapes of its base and its params alone. Compared with what is measured in
benchmarks/finetune_lm.py.
"""

from typing import Any

from shared.bases.decoder import DecoderConfig

PROCESS = 1_000_000_000  # bytes of a process with TensorFlow, its libraries and compiled graphs; a guess to be measured
_MATRICES = ("q", "k", "v", "o", "gate", "up", "down")


def memory_bytes(params: Any, config: DecoderConfig) -> dict[str, int]:
    """Bytes by what they are for. params: FinetuneTrain."""
    narrow = 4 if params.precision == "float32" else 2
    learning = learning_numbers(params, config)
    lora = params.method == "lora"
    held = config.parameters * (narrow if lora else 4)
    if not lora and narrow == 2:
        held += config.parameters * 2  # a copy in the arithmetic's type
    windows = params.at_once or params.batch_size
    tokens = windows * params.context
    return {
        "process": PROCESS,
        "weights of the base": held,
        "what learns: gradients and the optimizer's two moments": learning * (16 if lora else 12),
        "activations": _activations(params, config, tokens, windows, narrow),
        "logits": _logits(config, tokens),
    }


def learning_numbers(params: Any, config: DecoderConfig) -> int:
    """How many numbers learn."""
    if params.method == "full":
        return config.parameters
    total = 0
    for name, shape in config.tensors().items():
        part = name.rsplit(".", 2)
        if len(part) == 3 and part[2] == "kernel" and part[1] in (params.matrices or _MATRICES):
            total += params.rank * sum(shape)
    return total


def _activations(params: Any, config: DecoderConfig, tokens: int, windows: int, narrow: int) -> int:
    """What is kept of the way forward for the way back."""
    queries, keys = config.heads * config.head_size, config.kv_heads * config.head_size
    stream = 6 * config.width * narrow + 4 * config.width * 4  # norms calculate in float32
    attention = (3 * queries + 4 * keys) * narrow
    inner = (4 if config.gated else 2) * config.inner * narrow
    scores = config.heads * params.context * (2 * 4 + 2 * narrow)
    block = tokens * (stream + attention + inner + scores)
    if params.rematerialise:
        return config.layers * tokens * config.width * narrow + 2 * block
    return config.layers * block


def _logits(config: DecoderConfig, tokens: int) -> int:
    """Scores of the tokens that are learnt, made in pieces: float32, three times (scores, shares, gradient)."""
    return 3 * 4 * min(tokens * config.vocabulary, 2**26)
