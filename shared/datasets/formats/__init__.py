"""Every dataset format this installation knows. Adding one: an object as base.py describes, in a file beside this one."""

from shared.datasets.formats.base import Format
from shared.datasets.formats.boxes import BoxesFormat
from shared.datasets.formats.captioned_pictures import CaptionedPicturesFormat
from shared.datasets.formats.chats import ChatsFormat
from shared.datasets.formats.idx import IdxFormat
from shared.datasets.formats.picture_pairs import PicturePairsFormat
from shared.datasets.formats.pictures import PicturesFormat
from shared.datasets.formats.squad import SquadFormat
from shared.datasets.formats.table import TableFormat
from shared.datasets.formats.text import TextFormat
from shared.datasets.formats.text_folders import TextFoldersFormat
from shared.errors import NotFound

_ALL: tuple[Format, ...] = (  # where two are equally sure of an upload, the earlier one takes it
    TextFormat(),
    IdxFormat(),
    BoxesFormat(),
    CaptionedPicturesFormat(),
    PicturePairsFormat(),
    PicturesFormat(),
    SquadFormat(),
    ChatsFormat(),
    TableFormat(),
    TextFoldersFormat(),
)
FORMATS: dict[str, Format] = {format.name: format for format in _ALL}


def get_format(name: str) -> Format:
    """Raises NotFound naming the known ones."""
    try:
        return FORMATS[name]
    except KeyError as err:
        raise NotFound(f"no dataset format {name!r:.40}; known are {', '.join(FORMATS)}") from err
