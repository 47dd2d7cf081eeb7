"""Tells what kind of file it is from its first bytes, never from its name: a browser is told what the bytes are.

What could run code in a page (HTML, SVG) is text: nothing here is ever served as such.
"""

HEAD_BYTES = 4096  # of a file are looked at
UNKNOWN = "application/octet-stream"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"\x1f\x8b", "application/gzip"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_WORD_LIKE = ((b"BM", "image/bmp"), (b"ID3", "audio/mpeg"))  # a text may begin so too
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}


def media_type(head: bytes) -> str:
    """head: the first HEAD_BYTES of a file, or all of a shorter one."""
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if _is_text(head):
        return "text/plain"
    return next((kind for magic, kind in _WORD_LIKE if head.startswith(magic)), UNKNOWN)


def _is_text(head: bytes) -> bool:
    """True for UTF-8 without control characters; its last character may be cut off."""
    if any(byte < 32 and byte not in b"\t\n\f\r" for byte in head):
        return False
    for cut in range(4):
        try:
            head[: len(head) - cut].decode()
            return bool(head)
        except UnicodeDecodeError:
            if len(head) < HEAD_BYTES:  # not cut off: it is whole
                return False
    return False
