"""Sends files to browsers and programs so that no browser runs them: known pictures are shown, all else is a download."""

from pathlib import Path, PurePosixPath
from typing import IO, Any

from flask import send_file

from web.api.common import Reply

# Formats of pixels alone; SVG, which can hold scripts, is none of them.
SHOWN = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".webp": "image/webp",
}
_KEEP_S = 3600  # a browser may; what has an address of ours never changes
DOCUMENTED: dict[Any, Any] = {
    "200": {"description": "The file", "content": {"application/octet-stream": {}, "image/*": {}}},
    "206": {"description": "Part of the file", "content": {"application/octet-stream": {}, "image/*": {}}},
    "416": {"description": "That range is not in the file"},
}


def send(file: Path | IO[bytes], name: str, media_type: str = "") -> Reply:
    """Answer with a file. name: what it is called. media_type: what it holds; told from the name when left out."""
    kind = media_type or SHOWN.get(PurePosixPath(name).suffix.lower(), "")
    content = file.resolve() if isinstance(file, Path) else file
    if kind in SHOWN.values():
        return send_file(content, mimetype=kind, max_age=_KEEP_S)
    return send_file(content, mimetype="application/octet-stream", as_attachment=True, download_name=name)
