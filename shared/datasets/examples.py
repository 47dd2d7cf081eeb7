"""Datasets that need no upload, made from what is installed anyway."""

import io
from collections.abc import Callable

from shared.datasets.importer import HasLimits, import_dataset
from shared.datasets.manifest import DatasetManifest
from shared.errors import NotFound
from shared.volume.volume import Volume


def _python_docs() -> str:
    """The language reference as `help()` shows it: about 800,000 characters of real technical English."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name].strip("\n") for name in sorted(topics))


_EXAMPLES: dict[str, tuple[str, Callable[[], str]]] = {
    "python_docs": ("Python's language reference", _python_docs),
}


def list_examples() -> dict[str, str]:
    """Name -> what it is."""
    return {name: about for name, (about, _) in _EXAMPLES.items()}


def import_example(volume: Volume, name: str, *, owner: str, limits: HasLimits) -> DatasetManifest:
    """Import an example; the same every time. limits: as for an upload. Raises NotFound, TooLarge."""
    if name not in _EXAMPLES:
        raise NotFound(f"no example {name!r:.40}; there are {', '.join(_EXAMPLES)}")
    about, make = _EXAMPLES[name]
    stream = io.BytesIO(make().encode())
    return import_dataset(volume, limits, [(f"{name}.txt", stream)], name=about, owner=owner, format="text")
