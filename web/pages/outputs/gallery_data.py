"""What the gallery of outputs shows: made up, but as real data is, with its long names, gaps and extremes."""

import math
from dataclasses import dataclass
from datetime import date, timedelta

from shared.outputs import (
    Band,
    Box,
    Boxes,
    Cell,
    Line,
    Mark,
    Mask,
    MaskClass,
    Matrix,
    Output,
    Picture,
    Place,
    Score,
    Scores,
    Series,
    Table,
    Text,
)

PICTURES = frozenset(
    ["street.svg", "street-mask.svg", "panorama.png", *(f"digit-{n}.png" for n in range(10))]
)  # below static/gallery/
_LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


@dataclass(frozen=True)
class Case:
    """One way a kind can come."""

    name: str
    outputs: list[Output]


@dataclass(frozen=True)
class Section:
    """A kind with its cases."""

    kind: str
    about: str
    cases: list[Case]


def _text() -> list[Case]:
    review = "The room was clean and quiet, but the breakfast was cold and nobody at the desk cared."
    stretches = (("clean and quiet", 0.7), ("cold", -0.55), ("nobody at the desk cared", -0.95))
    marks = [Mark(start=review.index(s), end=review.index(s) + len(s), score=score) for s, score in stretches]
    passage = "苏轼（1037年—1101年），字子瞻，号东坡居士，眉州眉山人，北宋文学家、书法家。"
    answer = Mark(start=passage.index("眉州"), end=passage.index("人，"), score=1)
    story = (
        "the harbour lay under a thin fog, and the boats that had come in before dawn were still being unloaded. " * 9
    )
    return [
        Case("Generated, with its prompt", [Text(text=story, prompt="That morning ")]),
        Case(
            "Short ones stand beside each other",
            [
                Text(title="Translation", prompt="Guten Morgen! → ", text="Good morning!"),
                Text(title="翻译", prompt="Where is the station? → ", text="车站在哪里？"),
                Text(title="Nothing", text=""),
            ],
        ),
        Case("Marked: what speaks for and against", [Text(title="Negative, 81 %", text=review, marks=marks)]),
        Case("An answer in its passage", [Text(title="他是哪里人？", text=passage, marks=[answer])]),
        Case("One very long word", [Text(text=_LONG * 6)]),
    ]


def _scores() -> list[Case]:
    sure = [("seven", 0.934), ("one", 0.041), ("nine", 0.019), ("four", 0.004), ("two", 0.002)]
    flowers = [(f"花卉类别 {n}", 1 / (n + 2) ** 1.3) for n in range(40)]
    factors = [
        ("sqft_living", 184_300.0, "each further square foot raises it by about 210"),
        ("grade", 62_410.0, ""),
        ("age_of_the_roof_in_years_at_the_time_of_the_most_recent_inspection", -48_250.0, "older roofs cost"),
        ("waterfront", 0.0, "never true in this part"),
        ("楼层", -3_120.5, ""),
    ]
    ranked = [
        ("卧虎藏龙 (2000)", 4.71, "because you gave 英雄 5 stars"),
        ("In the Mood for Love (2000)", 4.66, "liked by 83 of 100 people whose taste is like yours"),
        ("The Good, the Bad and the Ugly (1966)", 4.31, ""),
    ]
    return [
        Case(
            "Labels of pictures",
            [Scores(subject=f"digits/test/{n}.png", picture=f"digit-{n}.png", items=_items(sure)) for n in (7, 1, 4)],
        ),
        Case("40 classes", [Scores(title="Flower", subject="IMG_20240501_最终版.jpg", items=_items(flowers))]),
        Case("Numbers, some below zero", [Scores(title="What moves the price", unit="number", items=_items(factors))]),
        Case("A ranking with reasons", [Scores(subject="user 4711", unit="number", items=_items(ranked))]),
        Case(
            "All zero, one long name, none",
            [
                Scores(title="All zero", unit="number", items=_items([("a", 0.0), ("b", 0.0)])),
                Scores(title="One", items=_items([(_LONG, 1.0)])),
                Scores(title="None", items=[]),
            ],
        ),
    ]


def _items(pairs: list) -> list[Score]:
    return [Score(name=p[0], value=p[1], note=p[2] if len(p) > 2 else "") for p in pairs]


def _table() -> list[Case]:
    said = ["positive", "negative", "neutral"]
    reviews = ["质量很好，物流也快，下次还来。", "Arrived broken; two e-mails and still no answer. " * 3, "ok"]
    rows = [
        [n, reviews[n % 3], said[n % 3], round(0.99 - n * 0.0047, 4), n % 4 == 0, "text is empty" if n == 5 else None]
        for n in range(100)
    ]
    many: list[list[Cell]] = [[f"v{row}.{column}" for column in range(40)] for row in range(6)]
    models = [
        ["this model", 0.9312, 0.9287, 412.7],
        ["most frequent class", 0.3333, 0.1667, 0.001],
        ["nearest neighbour", 0.9021, None, 12_045.2],
    ]
    return [
        Case(
            "A batch: the first rows of many",
            [
                Table(
                    title="Sentiment of every row",
                    columns=["row", "text", "label", "probability", "sure", "error"],
                    rows=rows,
                    count=12_345,
                    file="mark.svg",
                )
            ],
        ),
        Case(
            "Beside trivial answers",
            [Table(title="Baselines", columns=["", "accuracy", "macro F1", "seconds"], rows=models, count=3)],
        ),
        Case(
            "40 columns",
            [Table(columns=[f"measurement_{n}_第{n}列" for n in range(40)], rows=many, count=6, file="mark.svg")],
        ),
        Case("No rows", [Table(title="Mistakes", columns=["file", "true", "said"], rows=[], count=0)]),
    ]


def _picture() -> list[Case]:
    digits = [Picture(title=f"step {n * 100}", file=f"digit-{n}.png") for n in range(10)]
    legend = [("#0", "飞机"), ("#1", "a car with its doors open"), ("#2", _LONG)]
    return [
        Case("Many small ones", list(digits)),
        Case("One, with a legend", [Picture(title="Where it looked", file="street.svg", legend=legend)]),
        Case("One of 28 pixels", [Picture(title="28 x 28", file="digit-3.png")]),
        Case(
            "Odd shapes beside each other",
            [Picture(title=_LONG, file="panorama.png"), Picture(file="street.svg"), Picture(file="digit-8.png")],
        ),
    ]


def _boxes() -> list[Case]:
    street = [
        Box(x0=440, y0=566, x1=880, y1=752, label="car", score=0.97),
        Box(x0=1010, y0=504, x1=1082, y1=762, label="person", score=0.91),
        Box(x0=800, y0=222, x1=1032, y1=522, label="tree", score=0.74),
        Box(x0=88, y0=168, x1=492, y1=542, label="single-family house with a gabled roof", score=0.66),
        Box(x0=1006, y0=56, x1=1114, y1=164, label="太阳", score=0.52),
        Box(x0=180, y0=400, x1=250, y1=470, label="window", score=0.48),
        Box(x0=330, y0=400, x1=400, y1=470, label="window", score=0.44),
    ]
    crowd = [
        Box(
            x0=(n % 8) * 150 + 10, y0=(n // 8) * 160 + 10, x1=(n % 8) * 150 + 130, y1=(n // 8) * 160 + 140,
            label=f"class {n}", score=1 - n / 45,
        )
        for n in range(40)
    ]  # fmt: skip
    size = (1200, 800)
    return [
        Case("Found in a photo", [Boxes(title="street_0042.jpg", picture="street.svg", size=size, boxes=street)]),
        Case(
            "Beside each other: 40 classes, from a dataset, nothing found",
            [
                Boxes(title="40 classes", picture="street.svg", size=size, boxes=crowd),
                Boxes(
                    title="As the dataset says",
                    picture="street.svg",
                    size=size,
                    boxes=[box.model_copy(update={"score": 1.0}) for box in street[:2]],
                ),
                Boxes(title="Nothing", picture="panorama.png", size=(900, 120), boxes=[]),
            ],
        ),
    ]


def _mask() -> list[Case]:
    named = [
        ("sky", "#cfe4f7", 0.433), ("road", "#7a7f8c", 0.214), ("grass", "#5fae4b", 0.11), ("房屋", "#e0852f", 0.083),
        ("tree", "#1f7a3a", 0.047), ("car", "#d23b3b", 0.071), ("person", "#5b52d6", 0.0004), ("cat", "#000000", 0.0),
    ]  # fmt: skip
    classes = [MaskClass(name=n, colour=c, share=s) for n, c, s in named]
    many = [
        MaskClass(name=f"第{n}类 of forty", colour=f"#{n * 6:02x}{255 - n * 5:02x}80", share=0.025) for n in range(40)
    ]
    mask = Mask(title="street_0042.jpg", picture="street.svg", mask="street-mask.svg", classes=classes)
    return [
        Case("One", [mask]),
        Case(
            "Beside each other",
            [mask, mask.model_copy(update={"title": "40 classes", "classes": many}),
             mask.model_copy(update={"title": "No names", "classes": []})],
        ),
    ]  # fmt: skip


def _days(first: int, last: int) -> list[Place]:
    return [f"{date(2024, 1, 1) + timedelta(days=day)}T00:00:00Z" for day in range(first, last)]


def _series() -> list[Case]:
    def sales(day: int) -> float:
        return 1200 + 6 * day + 240 * math.sin(day / 7 * 2 * math.pi) + 40 * math.sin(day * 1.7)

    known: list[float | None] = [sales(day) for day in range(140)]
    known[40:52] = [None] * 12
    known[60], known[62] = None, None
    ahead = [sales(day) * 0.99 for day in range(139, 168)]
    spread = [30 + 9 * n for n in range(29)]
    forecast = Series(
        title="Sales a day, the next four weeks",
        y_title="pieces",
        lines=[
            Line(name="known", x=_days(0, 140), y=known),
            Line(name="forecast", x=_days(139, 168), y=list(ahead)),
            Line(name="same day last week", x=_days(139, 168), y=[sales(139 + n % 7 - 7) for n in range(29)]),
        ],
        band=Band(
            name="80 % interval",
            x=_days(139, 168),
            low=[y - s for y, s in zip(ahead, spread, strict=True)],
            high=[y + s for y, s in zip(ahead, spread, strict=True)],
        ),
        split=_days(139, 140)[0],
    )
    wave: list[Place] = [n / 100 for n in range(5000)]
    noise: list[float | None] = [math.sin(n / 160) * 2.4e6 + math.sin(n * 12.9898) * 8e5 for n in range(5000)]
    tiny = Line(name="误差", x=[0, 1, 2, 3, 4], y=[0.00031, 0.00018, None, 0.00009, 0.00007])
    hours: list[Place] = [f"2024-03-{9 + h // 24:02d}T{h % 24:02d}:00:00Z" for h in range(60)]
    load: list[float | None] = [50 + 30 * math.sin(h / 24 * 2 * math.pi) for h in range(60)]
    spots: list[Place] = [n / 9 for n in range(90)]
    return [
        Case("A forecast with gaps in what is known", [forecast]),
        Case("5,000 points", [Series(x_title="seconds", y_title="counts", lines=[Line(name="sensor 7", x=wave, y=noise)])]),
        Case("Hours", [Series(title="Load", y_title="%", lines=[Line(name="load", x=hours, y=load)])]),
        Case(
            "Few points, small numbers, many lines",
            [
                Series(
                    x_title="fold",
                    lines=[tiny, *(Line(name=f"line {n}", x=[0, 2, 4], y=[n / 1e4, n / 2e4, n / 3e4]) for n in range(7))],
                )
            ],
        ),
        Case("Words below", [Series(lines=[Line(name="高度", x=["春", "夏", "autumn", "winter"], y=[3, -4, 2, 0])])]),
        Case("Points beside a line", [
            Series(x_title="true", y_title="said", lines=[
                Line(name="the model", x=spots, y=[n / 9 + math.sin(n * 12.9) for n in range(90)], points=True),
                Line(name="as it should be", x=[0, 10], y=[0, 10]),
            ])
        ]),
        Case("One point; the same value throughout", [
            Series(title="One", lines=[Line(name="one", x=[3], y=[7.0])]),
            Series(title="Flat", lines=[Line(name="flat", x=[1, 2, 3], y=[5.0, 5.0, 5.0])]),
            Series(title="Nothing", lines=[Line(name="none", x=[1, 2], y=[None, None])]),
        ]),
    ]  # fmt: skip


def _matrix() -> list[Case]:
    def counts(size: int, right: int) -> list[list[int]]:
        return [
            [
                right - row if row == column else (row * 7 + column * 3) % 11 // (1 + abs(row - column))
                for column in range(size)
            ]
            for row in range(size)
        ]

    long = ["cat", "a dog that is not a wolf", "狼", "fox"]
    return [
        Case("Few classes", [Matrix(title="On the test part", names=long, counts=counts(4, 96))]),
        Case("Ten", [Matrix(names=[str(n) for n in range(10)], counts=counts(10, 980))]),
        Case("40", [Matrix(names=[f"类别 {n} of the forty" for n in range(40)], counts=counts(40, 120))]),
        Case(
            "Too many, none",
            [
                Matrix(title="61", names=[str(n) for n in range(61)], counts=[[0] * 61] * 61),
                Matrix(title="None", names=[], counts=[]),
            ],
        ),
    ]


SHOWN = (
    Section("text", "language models, translation, an answer in its passage, weights of words", _text()),
    Section("scores", "labels, rankings with reasons, importances", _scores()),
    Section("table", "batches, baselines, folds", _table()),
    Section("picture", "made, restored, restyled, a map of what it looked at", _picture()),
    Section("boxes", "things found", _boxes()),
    Section("mask", "a class for each pixel", _mask()),
    Section("series", "forecasts", _series()),
    Section("matrix", "what was taken for what", _matrix()),
)
