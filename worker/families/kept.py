"""What is made of a dataset once (tokens of a text, pixels of pictures) and kept for the next training that needs the same.

Where it lies and when it goes: shared/volume/cache.py. An entry's key is its kind and a hash of all that the content depends on
beside the dataset. It is published with staging: sizes and SHA-256 in its manifest, renamed when whole. It may be
taken away whenever no job uses it: the next training makes it anew.
"""

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from shared.errors import Conflict
from shared.volume import staging
from shared.volume.cache import entry_dir, make_room, mark_used
from worker.context import Context
from worker.recipe import OpenInput

Make = Callable[[Path], dict[str, Any]]


@contextlib.contextmanager
def kept(
    context: Context, kind: str, opened: OpenInput, depends: dict[str, Any], make: Make
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield (folder, what make returned): the folder that is there already, or one filled by make(folder) now.

    Its files are to be opened inside the with block; without a cache_dir it is a temporary folder that is removed at its end.
    depends: JSON-able. make: returns JSON-able facts, kept with the files. Raises VolumeFull, and what make raises.
    """
    if context.cache_dir is None:
        with tempfile.TemporaryDirectory() as place:
            yield Path(place), make(Path(place))
        return
    digest = hashlib.sha256(json.dumps([opened.hash, depends], sort_keys=True).encode()).hexdigest()[:16]
    final = entry_dir(context.cache_dir, opened.dataset.id, f"{kind}-{digest}")
    mark_used(final, context.job_id)  # first: else it might be taken away as unused while it is verified
    facts = _facts(final, context.check)
    if facts is None:
        if context.volume is not None:
            make_room(context.volume)
        facts = _publish(context.cache_dir, final, make)
        mark_used(final, context.job_id)
    yield final, facts


def _facts(final: Path, look: Callable[[], None] = lambda: None) -> dict[str, Any] | None:
    """What make returned for a whole, undamaged folder; None where there is none. look: called all along; may raise."""
    manifest = staging.read_manifest(final)
    if manifest is None or "facts" not in manifest or not staging.verify(final, look):
        return None
    return manifest["facts"]


def _publish(cache_dir: Path, final: Path, make: Make) -> dict[str, Any]:
    """Make an entry, or take that of a training that was faster; returns what its make() returned."""
    cache_dir.mkdir(parents=True, exist_ok=True)
    with staging.staged(cache_dir) as stage:
        facts = make(stage.path)
        with contextlib.suppress(FileNotFoundError):
            if (
                _facts(final) is None
            ):  # a damaged one; another training's whole one stays, also if it came this very moment
                staging.remove(final, unless=lambda aside: _facts(aside) is not None)
        final.parent.mkdir(exist_ok=True)
        try:
            stage.publish(final, {"facts": facts})
        except Conflict:
            there = _facts(final)
            if there is None:
                raise
            return there
    return facts
