"""How much memory a fine-tuning takes, from the shapes of its base and its params alone, and what would fit where that is too much.

benchmarks/tuning_memory.py holds it to what processes are seen to hold: within a fifth.
"""

from collections.abc import Iterator
from typing import Any

from shared.bases.decoder import DecoderConfig

PROCESS = 1_000_000_000  # bytes of a process with TensorFlow, its libraries and the graphs of its steps
_MATRICES = ("q", "k", "v", "o", "gate", "up", "down")
_LEAST_CONTEXT = 64  # tokens: no shorter one is proposed


def memory_bytes(params: Any, config: DecoderConfig, *, pairs: bool = False) -> dict[str, int]:
    """Bytes by what they are for. params: FinetuneTrain. pairs: rows are a chosen and a rejected answer."""
    narrow = 4 if params.precision == "float32" else 2
    learning = learning_numbers(params, config)
    lora = params.method == "lora"
    held = config.parameters * (narrow if lora else 4)
    if not lora and narrow == 2:
        held += config.parameters * 2  # a copy in the arithmetic's type
    windows = (params.at_once or params.batch_size) * (2 if pairs else 1)
    tokens = windows * params.context
    return {
        "process": PROCESS,
        "weights of the base": held,
        "what learns: gradients and the optimizer's two moments": learning * (16 if lora else 12),
        "activations": _activations(params, config, tokens, narrow),
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


def _activations(params: Any, config: DecoderConfig, tokens: int, narrow: int) -> int:
    """What is kept of the way forward for the way back."""
    queries, keys = config.heads * config.head_size, config.kv_heads * config.head_size
    stream = 6 * config.width * narrow + 4 * config.width * 4  # norms calculate in float32
    attention = (3 * queries + 4 * keys) * narrow
    inner = (4 if config.gated else 2) * config.inner * narrow
    scores = config.heads * params.context * (4 + 2 * narrow)  # shares in float32 and as they are used
    block = tokens * (stream + attention + inner + scores)
    if params.rematerialise:
        return config.layers * tokens * config.width * narrow + 2 * block
    return config.layers * block


def _logits(config: DecoderConfig, tokens: int) -> int:
    """Scores of the tokens that are learnt, made in pieces: float32, three times (scores, shares, gradient)."""
    return 3 * 4 * min(tokens * config.vocabulary, 2**26)


def lighter(params: Any, config: DecoderConfig, room: int, *, pairs: bool = False) -> list[tuple[dict[str, Any], int]]:
    """Changes of params by which a training fits into `room` bytes, and what it takes then; those that change least first.

    Single changes where there are any, else the first several together that do. [] when nothing does.
    """

    def needed(changes: dict[str, Any]) -> int:
        return sum(memory_bytes(params.model_copy(update=changes), config, pairs=pairs).values())

    ways = [list(way) for way in _ways(params)]
    single = [next(((c, needed(c)) for c in way if needed(c) <= room), None) for way in ways]
    if found := [each for each in single if each is not None]:
        return found
    together: dict[str, Any] = {}
    for way in ways:
        for changes in way:
            if needed(together | changes) <= room:
                return [(together | changes, needed(together | changes))]
        together |= way[-1]
    return []


def _ways(params: Any) -> Iterator[list[dict[str, Any]]]:
    """Ways to need less, each from a little to all there is of it."""
    size = params.at_once or params.batch_size
    if fewer := [n for n in range(size - 1, 0, -1) if params.batch_size % n == 0]:
        yield [{"at_once": n} for n in fewer]
    if not params.rematerialise and not params.lora_dropout:
        yield [{"rematerialise": True}]
    if params.precision == "float32":
        yield [{"precision": "bfloat16"}]
    shorter = [params.context >> n for n in range(1, 20) if params.context >> n >= _LEAST_CONTEXT]
    if shorter:
        yield [{"context": n} for n in shorter]
    if params.method == "full":
        yield [{"method": "lora"}]
