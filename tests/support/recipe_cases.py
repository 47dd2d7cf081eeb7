"""The smallest sensible case of each recipe: data, params, a generation, and input it must refuse.

tests/contract/test_recipes.py runs every recipe of the registry through the same checks with its case.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.tiny_pictures import folder_files

Files = list[tuple[str, bytes]]
VERSE = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。\n"
PROSE = "The quick brown fox jumps over the lazy dog; the dog, being lazy, lets it jump. "


@dataclass(frozen=True)
class Case:
    """One recipe's case. A training of params must take at most about a hundred steps of a few milliseconds.

    stop_after: step from which on the training is killed or stopped, at the first checkpoint that is not at an
    evaluation; again after twice and three times as many.
    bad_params: values each of which must be refused. bad_files: datasets that import well but cannot be trained on.
    """

    files: Callable[[], Files]
    format: str
    params: dict[str, Any]
    generate: dict[str, Any]
    stop_after: int = 5
    bad_params: list[dict[str, Any]] = field(default_factory=list)
    bad_generate: list[dict[str, Any]] = field(default_factory=list)
    bad_files: list[Files] = field(default_factory=list)


def _one_picture() -> str:
    import base64

    return base64.b64encode(folder_files(1)[0][1]).decode()


def _text(repeats: int) -> Files:
    return [("text.txt", ((PROSE + "\n") * repeats + VERSE * repeats).encode())]


_AB = ("ape", "bee")

_TEXT = {"steps": 30, "eval_every": 10, "context": 16, "batch_size": 4, "layers": 2, "dropout": 0.2}
_BAD_TEXT = [
    {"context": 1}, {"learning_rate": -1}, {"steps": 0}, {"vocabulary": "words"}, {"dropout": 1.0}, {"unknown": 1},
    {"validation_fraction": 0}, {"width": "wide"},
]  # fmt: skip
_BAD_CONTINUATION = [{"temperature": -1}, {"prompt": ""}, {"top_p": 0}, {"samples": 1000}, {"stop": [""]}]

CASES: dict[str, Case] = {
    "char_lstm": Case(
        files=lambda: _text(60),
        format="text",
        params={**_TEXT, "width": 16, "embedding": 8, "learning_rate": 1e-2},
        generate={"prompt": "床前", "max_tokens": 12, "seed": 3},
        bad_params=_BAD_TEXT,
        bad_generate=_BAD_CONTINUATION,
        bad_files=[[("short.txt", b"too short")]],
    ),
    "gpt": Case(
        files=lambda: _text(60),
        format="text",
        params={**_TEXT, "width": 16, "heads": 2, "warmup_steps": 0, "vocabulary": "bpe", "vocabulary_size": 300},
        generate={"prompt": "床前", "max_tokens": 12, "seed": 3, "samples": 2},
        bad_params=_BAD_TEXT,
        bad_generate=_BAD_CONTINUATION,
        bad_files=[[("short.txt", b"too short")]],
    ),
    "image_classifier": Case(
        files=lambda: folder_files(40, channels=3),
        format="image_folder",
        params={"width": 4, "epochs": 4, "batch_size": 6, "dropout": 0.3, "class_weights": "balanced"},
        generate={"images": [{"name": "an ape", "data": _one_picture()}]},
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"architecture": "transformer"}, {"unknown": 1},
            {"epochs": "x"}, {"validation_fraction": 0.9}, {"seed": -1}, {"batch_size": None},
        ],
        bad_generate=[{}, {"images": [{"data": "no base64!"}]}, {"dataset_id": "../../etc"}, {"images": [], "top_k": 0}],
        bad_files=[folder_files(6, names=("ape",)), [*folder_files(4, "train", names=_AB), *folder_files(3, "test")]],
    ),
}  # fmt: skip
