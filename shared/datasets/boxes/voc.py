"""Reads Pascal VOC's XML, one file a picture, as labelImg and many others write it.

    <annotation><filename>a.jpg</filename><size><width>640</width>...</size>
      <object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>99</xmax><ymax>80</ymax></bndbox></object></annotation>

Coordinates are taken as they are written: some programs count pixels from 1, most from 0, and a pixel is all the difference.
Uploads are untrusted: a document that declares a type or entities is refused, for these could blow up or read files.
"""

from pathlib import Path
from xml.parsers import expat

from shared.datasets.boxes.annotation import Annotation, BadAnnotation

_MOST_BYTES = 4_000_000
_MOST_DEPTH = 32
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_voc(path: Path, name: str) -> Annotation:
    """Raises BadAnnotation."""
    if path.stat().st_size > _MOST_BYTES:
        raise BadAnnotation(f"is larger than {_MOST_BYTES:,} bytes: no annotation of one picture")
    reader = _Reader()
    try:
        reader.parser.Parse(path.read_bytes(), True)
    except expat.ExpatError as err:
        raise BadAnnotation(f"is no readable XML: {err}") from err
    except (ValueError, LookupError, UnicodeError) as err:  # an encoding that is none, or that expat cannot use
        raise BadAnnotation(f"is no readable XML: {err}") from err
    if reader.root not in ("annotation", "annotations"):
        raise BadAnnotation(f"is no annotation in VOC's XML: begins with <{reader.root[:40]}>")
    return Annotation(
        name, reader.filename or Path(name).stem, reader.size, boxes=[_box(one) for one in reader.objects]
    )


def _box(said: dict[str, str]) -> tuple[float, float, float, float, str]:
    label = said.get("name", "").strip()
    if not label:
        raise BadAnnotation("has an <object> without a <name>")
    missing = [side for side in _SIDES if side not in said]
    if missing:
        raise BadAnnotation(f"has an <object> {label!r:.60} without <{missing[0]}> in a <bndbox>")
    sides = []
    for side in _SIDES:
        try:
            sides.append(float(said[side]))
        except ValueError as err:
            raise BadAnnotation(f"has an <object> {label!r:.60} with <{side}> {said[side]!r:.40}: no number") from err
    return (*sides, label)  # pyright: ignore[reportReturnType]  (four of them)


class _Reader:
    """Collects what matters on the way through a document; parts of objects (a head in a person) are passed over."""

    def __init__(self) -> None:
        self.root, self.filename = "", ""
        self.objects: list[dict[str, str]] = []
        self._said: dict[str, str] = {}
        self._path: list[str] = []
        self._text = ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.EntityDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    @property
    def size(self) -> tuple[int, int] | None:
        """Of the picture as the document says; None where it says nothing, or zero."""
        try:
            width, height = int(float(self._said["width"])), int(float(self._said["height"]))
        except (KeyError, ValueError, OverflowError):
            return None
        return (width, height) if width > 0 and height > 0 else None

    def _refuse(self, *_: object) -> None:
        raise BadAnnotation(
            "declares a document type or entities (<!DOCTYPE, <!ENTITY): refused; take the declaration out"
        )

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._path.append(tag)
        self._text = ""
        if len(self._path) > _MOST_DEPTH:
            raise BadAnnotation(f"has elements more than {_MOST_DEPTH} deep in each other")
        if len(self._path) == 1:
            self.root = tag
        elif self._path[1:] == ["object"]:
            self.objects.append({})

    def _end(self, tag: str) -> None:
        match self._path[1:]:
            case ["filename"]:
                self.filename = self._text.strip().replace("\\", "/")
            case ["size", "width" | "height"]:
                self._said[tag] = self._text
            case ["object", "name"] | ["object", "bndbox", "xmin" | "ymin" | "xmax" | "ymax"]:
                self.objects[-1][tag] = self._text.strip()
        self._path.pop()
        self._text = ""

    def _characters(self, text: str) -> None:
        self._text += text
