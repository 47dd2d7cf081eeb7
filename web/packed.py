"""Request bodies that were sent packed (Content-Encoding: gzip), unpacked as they are read: limits hold for what comes out."""

import io
import zlib
from typing import IO, Any

from flask import Request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

_CHUNK_BYTES = 1 << 16
_GZIP = 31  # wbits of zlib: a gzip header, and the largest window


class Unpacked(io.RawIOBase):
    """What a gzip stream holds. Raises BadRequest, in the middle of reading, for what is none or ends too early."""

    def __init__(self, packed: IO[bytes]):
        self._packed, self._unpacker = packed, zlib.decompressobj(_GZIP)
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ended:
            data = self._unpacker.unconsumed_tail or self._packed.read(_CHUNK_BYTES)
            try:
                piece = self._unpacker.decompress(data, len(buffer))
            except zlib.error as err:
                raise BadRequest("the body is said to be gzip (Content-Encoding) and is none") from err
            self._ended = self._unpacker.eof
            if not (data or piece or self._ended):
                raise BadRequest("the body ends in the middle of its gzip stream")
            if piece:
                buffer[: len(piece)] = piece
                return len(piece)
        return 0


def unpack(request: Request) -> None:
    """Have a packed body read unpacked. Raises UnsupportedMediaType for another encoding than gzip."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMediaType(f"a body packed as {encoding!r:.40} is not read here: send it as it is, or as gzip")
    environ = request.environ
    environ["wsgi.input"] = io.BufferedReader(Unpacked(environ["wsgi.input"]), _CHUNK_BYTES)
    environ["wsgi.input_terminated"] = True
    environ.pop("CONTENT_LENGTH", None)  # of the packed body
    environ.pop("HTTP_CONTENT_ENCODING", None)
