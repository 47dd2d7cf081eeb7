"""Finds the picture that an annotation is about, and the part it stands in."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from shared.datasets.boxes.annotation import Annotation, BadAnnotation
from shared.datasets.pictures.annotated import stem
from shared.datasets.pictures.splits import part_in


class PictureIndex:
    """The pictures of an upload by name and stem."""

    def __init__(self, names: Iterable[str]):
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for name in names:
            self._by_stem[stem(name)].append(name)

    def find(self, annotation: Annotation) -> str:
        """The picture of an annotation: the one called like it, in the nearest folder. Raises BadAnnotation for none or several.

        A file of annotations of one picture is called like it; the name written within it may be of long ago.
        """
        for called in (annotation.source, annotation.picture):
            if alike := self._by_stem.get(stem(called), []):
                exact = [name for name in alike if PurePosixPath(name).name == PurePosixPath(annotation.picture).name]
                return _nearest(exact or alike, annotation)
        raise BadAnnotation(f"annotates the picture {annotation.picture!r:.120}, which the upload has not")


def _nearest(names: Sequence[str], annotation: Annotation) -> str:
    said = {*PurePosixPath(annotation.source).parts[:-1], *PurePosixPath(annotation.picture).parts[:-1]}
    part = part_in(annotation.source) or part_in(annotation.picture)

    def nearness(name: str) -> tuple[bool, int]:
        return part is not None and part_in(name) == part, len(said & {*PurePosixPath(name).parts[:-1]})

    ordered = sorted(names, key=nearness, reverse=True)
    if len(ordered) > 1 and nearness(ordered[0]) == nearness(ordered[1]):
        raise BadAnnotation(f"could annotate {ordered[0]} or {ordered[1]}: give them different names")
    return ordered[0]


def parts_of(pictures: Mapping[str, str], lists: Mapping[str, str]) -> dict[str, str]:
    """Part by picture: from its folder, else from a list, else from the file that annotates it (pictures: source by name)."""
    return {
        name: part_in(name) or lists.get(stem(name)) or part_in(source) or "train" for name, source in pictures.items()
    }
