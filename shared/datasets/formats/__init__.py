"""Every dataset format this installation knows. Adding one: an object as base.py describes, in a file beside this one."""

from shared.datasets.formats.base import Format
from shared.errors import NotFound

FORMATS: dict[str, Format] = {}


def get_format(name: str) -> Format:
    """Raises NotFound naming the known ones."""
    try:
        return FORMATS[name]
    except KeyError as err:
        raise NotFound(f"no dataset format {name!r:.40}; known are {', '.join(FORMATS)}") from err
