"""Takes open weights in: read, check whole, stream onto the volume, publish. Nothing is left behind when anything is wrong.

Called by the web for uploads and for what lies in the volume's folder imports/. The same weights imported twice by an owner are
stored once.
"""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import Field

from shared.bases.folder import read_folder
from shared.bases.found import Found
from shared.bases.gguf.file import read_gguf
from shared.bases.manifest import TEMPLATE, TOKENIZER, Base, get_base
from shared.bases.tensor_source import DTYPES, count_of
from shared.bases.weights_file import WEIGHTS, write_weights
from shared.datasets.allowance import alone, refuse_beyond
from shared.datasets.manifest import content_id
from shared.datasets.receiving import clean_name
from shared.errors import BaseInvalid, Conflict
from shared.jobs.job import utc_now
from shared.volume.volume import Volume, staging


class ImportedBase(Base):
    """A base as an import leaves it. new: False when the same weights were there already, under the name they got then."""

    new: bool = Field(default=True, exclude=True)


def import_base(
    volume: Volume,
    files: Mapping[str, Path],
    *,
    name: str,
    source: str,
    owner: str = "local",
    most_kept: int = 100 * 1024**3,
    look: Callable[[int, int], None] = lambda done, of: None,
) -> ImportedBase:
    """Import a folder's files, by their names, or one GGUF file.

    name, source: what it is called ("": by what it is), and where it came from, for people.
    most_kept: bytes of datasets and base models the owner may
    keep. look: called with the bytes written so far and all there will be; may raise.
    Raises BaseInvalid naming every problem by file and tensor, TooLarge, VolumeFull.
    """
    volume.ensure()
    found = read_source(files)
    foreseen = sum(count_of(tensor.shape) * DTYPES[tensor.dtype] for tensor in found.tensors)
    refuse_beyond(volume, owner, "", foreseen, most_kept)  # before anything is written
    with volume.stage(volume.root / "bases") as stage:
        known = {WEIGHTS: write_weights(stage.path / WEIGHTS, found.tensors, lambda done: look(done, foreseen))}
        with staging.full_is_said():
            if found.tokenizer:
                (stage.path / TOKENIZER).write_bytes(found.tokenizer)
            if found.template:
                (stage.path / TEMPLATE).write_text(found.template, encoding="utf-8")
        entries = [
            {"path": path.name, "size": path.stat().st_size, "sha256": known.get(path.name) or staging.sha256(path)}
            for path in staging.list_files(stage.path)
        ]
        base_id = content_id(owner, f"base {found.family.name} {found.config.model_dump_json()}", entries)
        if there := staging.intact(volume.base_dir(base_id), lambda: get_base(volume, base_id)):
            return ImportedBase(**dict(there), new=False)
        called = clean_name(name or _called(found))
        meta = _manifest(found, entries) | {"id": base_id, "name": called, "owner": owner, "source": source}
        new = False
        size = sum(entry["size"] for entry in entries)
        with alone(volume, owner), contextlib.suppress(Conflict):  # somebody imported the same at the same moment
            refuse_beyond(volume, owner, base_id, size, most_kept)
            stage.publish(volume.base_dir(base_id), meta, {entry["path"]: entry["sha256"] for entry in entries})
            new = True
    return ImportedBase(**dict(get_base(volume, base_id)), new=new)


def read_source(files: Mapping[str, Path]) -> Found:
    """What a folder's files or one GGUF file hold. Raises BaseInvalid."""
    packed = [name for name in files if name.lower().endswith(".gguf")]
    if not packed:
        return read_folder(files)
    if len(packed) > 1:
        named = ", ".join(sorted(packed)[:5])
        raise BaseInvalid(f"there are {len(packed)} GGUF files ({named}): each is a model of its own; import one")
    return read_gguf(files[packed[0]], packed[0])


def _called(found: Found) -> str:
    """What a base is called that came as files without a folder: its network, where that has a name, or its kind."""
    return getattr(found.config, "name", "") or found.family.name


def _manifest(found: Found, entries: list[dict]) -> dict:
    dtypes = [tensor.dtype for tensor in found.tensors]
    return {
        "kind": found.family.kind,
        "family": found.family.name,
        "created_at": utc_now().isoformat(),
        "bytes": sum(entry["size"] for entry in entries),
        "parameters": found.config.parameters,
        "dtype": max(set(dtypes), key=dtypes.count),
        "config": found.config.model_dump(mode="json"),
        "licence": found.licence,
        "special": found.special.model_dump(mode="json"),
        "generation": found.generation,
        "has_template": bool(found.template),
        "notes": found.notes,
    }
