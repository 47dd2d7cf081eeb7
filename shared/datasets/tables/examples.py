"""Example tables: classics out of the files that scikit-learn ships, where it is installed; texts of Python; tables by a formula.

scikit-learn is looked for, never imported: that takes a second and loads NumPy, which the web does without.
"""

import csv
import gzip
import importlib.util
import io
import math
import random
from datetime import date
from pathlib import Path

from shared.datasets.formats.base import Example
from shared.datasets.tables.purchases import purchases
from shared.datasets.tables.topics import topics_csv

_WINE = (
    *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids"),
    *("nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280/od315_of_diluted_wines", "proline"),
)
_IRIS = ("sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm")
_MEASURES = (
    *("radius", "texture", "perimeter", "area", "smoothness"),
    *("compactness", "concavity", "concave_points", "symmetry", "fractal_dimension"),
)
_CANCER = tuple(f"{how}_{what}" for how in ("mean", "error", "worst") for what in _MEASURES)
_DIABETES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")


def _folder() -> Path | None:
    """Where scikit-learn's data lies, None without it."""
    found = importlib.util.find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(next(iter(found.submodule_search_locations))) / "datasets" / "data"
    return folder if folder.is_dir() else None


def _classes(folder: Path, name: str, columns: tuple[str, ...], target: str) -> bytes:
    """A file whose first line is rows, columns, names of the classes; the last cell of each other line is a class's number."""
    with (folder / name).open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    return _table([*columns, target], [[*row[:-1], head[2 + int(row[-1])]] for row in rows])


def _diabetes(folder: Path) -> bytes:
    """Numbers parted by spaces, the target in a file of its own."""
    both = []
    for name in ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"):
        with gzip.open(folder / name, "rt", encoding="utf-8") as file:
            both.append([[f"{float(cell):g}" for cell in line.split()] for line in file])
    return _table([*_DIABETES, "progression"], [[*row, *target] for row, target in zip(*both, strict=True)])


def _table(columns: list[str], rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([columns, *rows])
    return out.getvalue().encode()


def _passengers(months: int = 480) -> bytes:
    """Made up: (100 + 2 * month) * season * noise. The season is two waves a year, the noise 2.5 % of the level, seeded."""
    noise = random.Random(9)
    rows = []
    for month in range(months):
        year = 2 * math.pi * month / 12
        season = 1 + 0.2 * math.sin(year - 2.0) + 0.08 * math.sin(2 * year)
        level = (100 + 2 * month) * season * math.exp(noise.gauss(0, 0.025))
        rows.append([date(1985 + month // 12, month % 12 + 1, 1).isoformat(), f"{level:.1f}"])
    return _table(["month", "passengers"], rows)


def examples() -> tuple[Example, ...]:
    """Breast cancer, wine, iris and diabetes of scikit-learn; paragraphs with their sections; two by formulas."""
    made_up = Example(
        "passengers",
        "Passengers by month (made up by a formula, 480 months)",
        "forecaster",
        lambda: [("passengers.csv", _passengers())],
        {"targets": "passengers", "context": "36", "horizon": "12"},
    )
    topics = Example(
        "python_topics",
        "Sections of Python's language reference (800 paragraphs)",
        "text_classifier",
        lambda: [("python_topics.csv", topics_csv())],
        {"labels": ["section"]},
    )
    shop = Example(
        "purchases",
        "Purchases in a shop (made up by a formula, 400 people)",
        "recommender_mf",
        lambda: [("purchases.csv", _table(["person", "item", "day"], purchases()))],
        {"user": "person", "item": "item", "time": "day"},
    )
    return (*_classics(), topics, made_up, shop)


def _classics() -> tuple[Example, ...]:
    """What scikit-learn ships, or nothing."""
    folder = _folder()
    if folder is None:
        return ()

    def example(name: str, title: str, file: str, columns: tuple[str, ...], target: str) -> Example:
        params = {"target": target}
        return Example(
            name, title, "tabular", lambda: [(f"{name}.csv", _classes(folder, file, columns, target))], params
        )

    return (
        example("breast_cancer", "Breast cancer (569 tumours)", "breast_cancer.csv", _CANCER, "diagnosis"),
        example("wine", "Wine (178 bottles, 3 growers)", "wine_data.csv", _WINE, "grower"),
        example("iris", "Iris (150 flowers, 3 species)", "iris.csv", _IRIS, "species"),
        Example(
            "diabetes",
            "Diabetes (442 patients, a number)",
            "tabular",
            lambda: [("diabetes.csv", _diabetes(folder))],
            {"target": "progression"},
        ),
    )
