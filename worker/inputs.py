"""Opens what a job was given by role, ready to be read. Called by the trainer and the generator.

The hash of a dataset or a base model is its id, which depends on its content alone; a checkpoint's is that of the files its
manifest lists, read and found to be so.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from shared.errors import CheckpointCorrupt, InputMissing, NotFound
from shared.jobs.job import CheckpointRef, InputRef
from shared.jobs.models import get_model
from shared.jobs.record import source_key
from shared.volume import staging
from shared.volume.volume import CheckpointInfo
from worker.context import Context
from worker.recipe import Inputs, OpenInput


def open_inputs(inputs: Mapping[str, InputRef], context: Context) -> dict[str, OpenInput]:
    """Open every role. Raises as open_input."""
    return {role: open_input(ref, context) for role, ref in inputs.items()}


def open_input(ref: InputRef, context: Context) -> OpenInput:
    """Open one input.

    Raises InputMissing when it is no longer on the volume, CheckpointCorrupt when a checkpoint differs from its manifest.
    """
    if ref.dataset_id is not None:
        manifest, folder = context.dataset(ref.dataset_id)
        return OpenInput(folder, dataset=manifest, hash=ref.dataset_id)
    if ref.base_id is not None:
        base, folder = context.base(ref.base_id)
        return OpenInput(folder, base=base, hash=ref.base_id)
    info = find_checkpoint(checkpoint_of(ref, context), context)

    def load() -> Any:
        from worker.training.checkpoint import load_model  # which opens inputs through this file

        return load_model(info.path, context)

    return OpenInput(info.path, checkpoint=info, hash=checkpoint_hash(info), load=load)


def ref_of(opened: OpenInput) -> InputRef:
    """What an input was opened from, to open it again."""
    if opened.dataset is not None:
        return InputRef(dataset_id=opened.dataset.id)
    if opened.base is not None:
        return InputRef(base_id=opened.base.id)
    return InputRef(checkpoint=opened.checkpoint.ref)


def checkpoint_of(ref: InputRef, context: Context) -> CheckpointRef:
    """The checkpoint that an input of a model names, through the model's name if need be. Raises InputMissing."""
    if ref.checkpoint is not None:
        return ref.checkpoint
    if context.volume is None:
        raise InputMissing(f"model {ref.model_id}: no volume here")
    try:  # asked for before the training it waited for had left its model
        return get_model(context.volume, ref.model_id or "").checkpoint
    except NotFound as err:
        raise InputMissing(f"model {ref.model_id} is not on the volume") from err


def find_checkpoint(ref: CheckpointRef, context: Context) -> CheckpointInfo:
    """Return a checkpoint after reading it against its manifest. Raises InputMissing, CheckpointCorrupt."""
    if context.volume is None:
        raise InputMissing(f"checkpoint {source_key(ref)}: no volume here")
    try:
        info = context.volume.checkpoint(ref)
    except NotFound as err:
        raise InputMissing(f"checkpoint {source_key(ref)} is no longer on the volume") from err
    if not context.volume.verify(info.path, context.check):
        raise CheckpointCorrupt(f"checkpoint {source_key(ref)} differs from its manifest")
    return info


def checkpoint_hash(info: CheckpointInfo) -> str:
    """32 hex digits that depend on a checkpoint's files alone, as its manifest lists them."""
    manifest = staging.read_manifest(info.path) or {"files": []}
    digest = hashlib.sha256()
    for entry in sorted(manifest["files"], key=lambda entry: entry["path"]):
        digest.update(f"{entry['sha256']} {entry['size']} {entry['path']}\n".encode())
    return digest.hexdigest()[:32]


class Watched(Mapping[str, OpenInput]):
    """Inputs that remember which roles were looked at: those that a model cannot be built again without."""

    def __init__(self, inputs: Inputs):
        self._inputs = inputs
        self.looked_at: set[str] = set()

    def __getitem__(self, role: str) -> OpenInput:
        opened = self._inputs[role]
        self.looked_at.add(role)
        return opened

    def __iter__(self) -> Iterator[str]:
        return iter(self._inputs)

    def __len__(self) -> int:
        return len(self._inputs)

    def recorded(self) -> dict[str, Any]:
        """JSON-able {role: {"ref", "hash"}} of those looked at, for state.json of checkpoints."""
        return {
            role: {"ref": ref_of(self._inputs[role]).model_dump(mode="json"), "hash": self._inputs[role].hash}
            for role in sorted(self.looked_at)
        }
