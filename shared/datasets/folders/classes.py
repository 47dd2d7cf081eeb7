"""What is odd about classes, in the user's words: how many of each there are, and how they are called."""

from collections.abc import Collection, Mapping, Sequence

from shared.datasets.report import Warned

_UNEVEN = 10  # times as many in the largest class as in the smallest
_FEW = 8  # of a class; of fewer not one may be left to test with


def warnings_about_classes(classes: dict[str, int]) -> list[Warned]:
    """What is odd about how many (pictures, boxes, texts) each class has, and about their names."""
    said = []
    if len(classes) > 1:
        most, fewest = max(classes, key=classes.__getitem__), min(classes, key=classes.__getitem__)
        if classes[most] >= _UNEVEN * classes[fewest]:
            message = (
                f"{most!r} has {classes[most]:,}, {fewest!r} only {classes[fewest]:,}: a model will favour {most!r}."
            )
            said.append(Warned(code="imbalance", message=message))
    if few := [name for name, count in classes.items() if count < _FEW]:
        message = (
            f"{_some(few)} {'has' if len(few) == 1 else 'have'} fewer than {_FEW}: too few to learn from and test with."
        )
        said.append(Warned(code="tiny_classes", message=message))
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault("".join(name.casefold().replace("_", " ").split()), []).append(name)
    for names in alike.values():
        if len(names) > 1:
            message = f"{_some(names)} differ in letters' size or spaces only: one class under {len(names)} names?"
            said.append(Warned(code="classes_alike", message=message))
    return said


def warnings_about_parts(classes: Mapping[str, Collection[str]]) -> list[Warned]:
    """Classes that only other parts than train have. classes: by part."""
    said = []
    for part in classes.keys() - {"train"} if "train" in classes else ():
        if unknown := sorted(set(classes[part]) - set(classes["train"]) - {""}):
            message = f"The part {part} has classes that train has not ({', '.join(unknown[:5])}): no classifier can know them."
            said.append(Warned(code="classes_not_in_train", message=message))
    return said


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(repr(name) for name in names[:5]) + more
