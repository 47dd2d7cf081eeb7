"""What is named by its content: datasets and base models. Their ids, and the files their manifests list."""

from pydantic import BaseModel


class StoredFile(BaseModel):
    """One file, path below the folder of what it belongs to."""

    path: str
    size: int
    sha256: str


def is_content_id(text: str) -> bool:
    """True for 32 hex digits: safe as a path component."""
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text)
