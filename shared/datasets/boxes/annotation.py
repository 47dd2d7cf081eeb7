"""What an annotation says of one picture, whichever program wrote it."""

from dataclasses import dataclass, field


class BadAnnotation(Exception):
    """An annotation that cannot be used. The message goes on after the file's name."""


@dataclass
class Annotation:
    """source: the file it stands in. picture: the name it gives the picture, maybe with folders, or a stem.

    size: of the picture as it says, in pixels. relative: boxes are shares of the picture's sides, 0 to 1, instead of pixels.
    skipped: what was left out, with the reason.
    """

    source: str
    picture: str
    size: tuple[int, int] | None = None
    relative: bool = False
    boxes: list[tuple[float, float, float, float, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
