"""A form with files as HTTP sends it (RFC 7578), read from disk while it is sent. For cli/client.py."""

import mimetypes
from collections.abc import Iterator, Sequence
from pathlib import Path

from shared.errors import ClientError

_CHUNK = 1 << 16


class NameUnfit(ClientError):
    """The name of a file that cannot be sent, since it is no text."""

    code = "name_unfit"


def refuse_unfit(name: str) -> None:
    """Raise NameUnfit for a name that is not UTF-8 on this machine's disk."""
    try:
        name.encode()
    except UnicodeEncodeError as err:
        raise NameUnfit(
            f"the name {name.encode(errors='surrogateescape')!r:.200} is not UTF-8: rename the file; convmv converts"
            " all names of a folder"
        ) from err


def _quoted(name: str) -> str:
    """A name as it stands in a form's part. Raises NameUnfit."""
    refuse_unfit(name)
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def field(boundary: str, name: str, value: str) -> bytes:
    """A field of a form."""
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'.encode()


def part(boundary: str, name: str) -> bytes:
    """What goes before the bytes of a file. Raises NameUnfit."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    head = f'Content-Disposition: form-data; name="file"; filename="{_quoted(name)}"'
    return f"--{boundary}\r\n{head}\r\nContent-Type: {kind}\r\n\r\n".encode()


def chunks(head: bytes, parts: Sequence[tuple[bytes, Path]], end: bytes) -> Iterator[bytes]:
    """The whole form, piece by piece; of a file no more than a piece is in memory."""
    yield head
    for lead, path in parts:
        yield lead
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
        yield b"\r\n"
    yield end
