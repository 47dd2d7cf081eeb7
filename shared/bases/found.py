"""What a source of open weights holds, once read and checked: the same for a folder and for a GGUF file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.bases.backbone import BackboneConfig
from shared.bases.decoder import DecoderConfig
from shared.bases.encoder import EncoderConfig
from shared.bases.families.base import Family, Taken
from shared.bases.manifest import Special
from shared.bases.reshaping import pieces_as, shape_of
from shared.bases.tensor_source import SourceTensor
from shared.bases.weights_file import Written
from shared.errors import Problem

MOST_TEMPLATE = 256 * 1024  # of a chat template, characters; the longest known have some 20,000


@dataclass(frozen=True)
class Found:
    """All that a base is made of; nothing of it is written yet.

    tokenizer: tokenizer.json; b"" of a backbone. template: "" where there is none.
    """

    family: Family
    config: DecoderConfig | EncoderConfig | BackboneConfig
    tensors: list[Written]
    tokenizer: bytes
    template: str = ""
    special: Special = field(default_factory=Special)
    generation: dict[str, Any] = field(default_factory=dict)
    licence: str = ""
    notes: list[str] = field(default_factory=list)


def fit(
    config: DecoderConfig | EncoderConfig | BackboneConfig,
    wanted: Mapping[str, Taken],
    source: Mapping[str, SourceTensor],
    family: Family,
    problems: list[Problem],
) -> list[Written]:
    """Every tensor of ours from its place in the source. problems: what is missing, has another shape, or belongs nowhere.

    Names in the source may lack the family's prefix. A last matrix beside a tied embedding must be its equal.
    """
    source = {_with_prefix(_today(name, family), wanted, family): tensor for name, tensor in source.items()}
    found, before = [], len(problems)
    for name, shape in config.tensors().items():
        taken = wanted[name]
        tensor = source.get(taken.name)
        if tensor is None:
            problems.append(
                Problem(field=taken.name, message=f"is missing; needed is one of shape {_theirs(shape, taken)}")
            )
        elif shape_of(tensor, taken) != shape:
            message = f"has the shape {list(tensor.shape)}; by the config it is {_theirs(shape, taken)}"
            problems.append(Problem(field=taken.name, message=message, file=tensor.file))
        elif taken.less and tensor.dtype != "F32":
            problems.append(Problem(field=taken.name, message="is not in F32, as norms are", file=tensor.file))
        else:
            pieces = _reader(tensor, taken)
            found.append(Written(name, tensor.dtype, shape, pieces, taken.name, tensor.file))
    used = {taken.name for taken in wanted.values()}
    spare = [t for name, t in source.items() if name not in used and not name.endswith(family.buffers or (" ",))]
    tied = isinstance(config, DecoderConfig) and config.tied
    for tensor in spare:
        table = source.get(wanted["tokens.table"].name) if tied else None
        if _left_as(tensor.name, family):
            continue
        if table is not None and _is_head(tensor, family):
            if not _equal(tensor, table):
                message = "differs from the embedding, but the config says that both are one (tie_word_embeddings)"
                problems.append(Problem(field=tensor.name, message=message, file=tensor.file))
        else:
            message = f"has no place in a {family.title} of this config"
            problems.append(Problem(field=tensor.name, message=message, file=tensor.file))
    return found if len(problems) == before else []


def left_out(names: Iterable[str], family: Family) -> list[str]:
    """Which parts of a source are left out although they hold weights, each once."""
    return list(dict.fromkeys(filter(None, (_left_as(name, family) for name in names))))


def _left_as(name: str, family: Family) -> str:
    """The part that a tensor is left out with, "" for one that is not."""
    bare = name.removeprefix(family.prefix)
    return next((part.rstrip("._") for part in family.left if bare.startswith(part)), "")


def _today(name: str, family: Family) -> str:
    """The name as newer files have it."""
    for older, newer in family.renamed.items():
        if name.endswith(older):
            return name.removesuffix(older) + newer
    return name


def _reader(tensor: SourceTensor, taken: Taken) -> Any:
    return lambda: pieces_as(tensor, taken)


def _with_prefix(name: str, wanted: Mapping[str, Taken], family: Family) -> str:
    """The name as it is in `wanted`: a bare model's lack the prefix."""
    longer = family.prefix + name
    return longer if any(taken.name == longer for taken in wanted.values()) else name


def _theirs(shape: tuple[int, ...], taken: Taken) -> list[int]:
    """The shape as the source would have it."""
    if taken.axes:
        return [shape[taken.axes.index(axis)] for axis in range(len(shape))]
    whole = [shape[0] * taken.parts, *shape[1:]]
    return whole[::-1] if taken.turned else whole


def _is_head(tensor: SourceTensor, family: Family) -> bool:
    return tensor.name in ("lm_head.weight", "output.weight")


def _equal(one: SourceTensor, other: SourceTensor) -> bool:
    if (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    return all(a == b for a, b in zip(one.pieces(), other.pieces(), strict=True))
