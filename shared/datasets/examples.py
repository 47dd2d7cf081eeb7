"""Datasets that need no upload: the examples of all formats, made from what is installed anyway."""

import io

from shared.datasets.formats import FORMATS
from shared.datasets.formats.base import Example, Format, HasLimits
from shared.datasets.importer import Imported, import_dataset
from shared.errors import NotFound
from shared.volume.volume import Volume


def _examples() -> dict[str, tuple[Format, Example]]:
    return {example.name: (format, example) for format in FORMATS.values() for example in format.examples}


def list_examples() -> list[dict[str, str]]:
    """What there is: name, title, format, and the recipe each is meant for."""
    return [
        {"name": example.name, "title": example.title, "format": format.name, "recipe": example.recipe}
        for format, example in _examples().values()
    ]


def example_params(name: str) -> dict[str, str]:
    """Params of the training an example is meant for that have no default. Raises NotFound."""
    return dict(_known(name)[1].params)


def _known(name: str) -> tuple[Format, Example]:
    known = _examples()
    if name not in known:
        raise NotFound(f"no example {name!r:.40}; there are {', '.join(known)}")
    return known[name]


def import_example(volume: Volume, name: str, *, owner: str, limits: HasLimits) -> Imported:
    """Import an example; the same every time. limits: as for an upload. Raises NotFound, TooLarge."""
    format, example = _known(name)
    files = [(file, io.BytesIO(data)) for file, data in example.make()]
    return import_dataset(volume, limits, files, name=example.title, owner=owner, format=format.name)
