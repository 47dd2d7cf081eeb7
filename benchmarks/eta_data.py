"""The datasets that jobs of benchmarks/eta.py learn from: made up, of several sizes for each kind."""

import json
import random

import numpy as np

from shared.bases.manifest import get_base
from shared.datasets import DatasetManifest
from shared.volume.volume import Volume
from tests.support.picture_cases import put_style
from tests.support.tiny_bases import put_base
from tests.support.tiny_boxes import tiny_boxes
from tests.support.tiny_captions import caption_files
from tests.support.tiny_chats import tiny_chats
from tests.support.tiny_datasets import import_files
from tests.support.tiny_faces import face_files
from tests.support.tiny_masks import tiny_pairs
from tests.support.tiny_pictures import folder_files


class Data:
    """Datasets of three sizes for each recipe, made up."""

    def __init__(self, volume: Volume):
        self.volume = volume
        rng = random.Random(0)
        words = [
            "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 9))) for _ in range(800)
        ]

        def text(size: int) -> list[tuple[str, bytes]]:
            return [("t.txt", " ".join(rng.choice(words) for _ in range(size // 6)).encode())]

        self.texts = [self._put("text", text(size)) for size in (20_000, 120_000, 700_000)]
        self.tables = [self._put("table", [("t.csv", _table(rows))]) for rows in (300, 2_000, 12_000)]
        self.series = [self._put("table", [("s.csv", _series(steps))]) for steps in (400, 2_000, 8_000)]
        self.reviews = [self._put("table", [("r.csv", _reviews(rng, words, rows))]) for rows in (300, 1_500, 6_000)]
        self.pictures = [
            self._put("pictures", folder_files(count, side=side, channels=3))
            for count, side in ((150, 16), (500, 24), (1_500, 32))
        ]
        self.faces = [self._put("pictures", face_files(range(people), 6)) for people in (12, 40, 120)]
        self.captioned = [
            self._put("captioned_pictures", caption_files(range(count), side=side))
            for count, side in ((60, 16), (200, 24), (600, 32))
        ]
        self.chats = [self._put("chats", tiny_chats(count)) for count in (40, 120, 400)]
        self.pairs = [self._put("table", [("p.csv", _pairs(rng, words, rows))]) for rows in (100, 400, 1_500)]
        self.bought = [self._put("table", [("b.csv", _bought(people))]) for people in (60, 300, 1_200)]
        self.asked = [self._put("squad", [("q.json", _asked(rng, words, passages))]) for passages in (12, 40, 120)]
        self.boxes = [self._put("boxes", tiny_boxes(count)) for count in (24, 60)]
        self.masks = [self._put("picture_pairs", tiny_pairs(count, side=side)) for count, side in ((24, 24), (60, 48))]
        self.style = put_style(volume)
        self.bases = [
            get_base(volume, put_base(volume, name).base_id or "")
            for name in ("llama", "gpt2", "distilbert", "backbone")
        ]

    def _put(self, format: str, files: list[tuple[str, bytes]]) -> DatasetManifest:
        return import_files(self.volume, files, format)


def _table(rows: int) -> bytes:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 8))
    y = np.where(x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=rows) * 0.5 > 0, "yes", "no")
    lines = [",".join([f"x{i}" for i in range(8)] + ["is"])]
    lines += [",".join([*(f"{v:.4f}" for v in row), answer]) for row, answer in zip(x, y, strict=True)]
    return "\n".join(lines).encode()


def _series(steps: int) -> bytes:
    rng = np.random.default_rng(0)
    days = np.datetime64("2000-01-01") + np.arange(steps)
    units = 20 + 10 * np.sin(np.arange(steps) * 2 * np.pi / 7) + rng.normal(size=steps)
    return ("day,units\n" + "\n".join(f"{day},{value:.3f}" for day, value in zip(days, units, strict=True))).encode()


def _reviews(rng: random.Random, words: list[str], rows: int) -> bytes:
    lines = ["text,mood"]
    for number in range(rows):
        said = [rng.choice(words) for _ in range(rng.randint(5, 60))]
        lines.append(f"{' '.join([*said, words[number % 2]])},{('good', 'bad')[number % 2]}")
    return "\n".join(lines).encode()


def _pairs(rng: random.Random, words: list[str], rows: int) -> bytes:
    lines = ["asked,found"]
    for _ in range(rows):
        said = [rng.choice(words) for _ in range(rng.randint(6, 20))]
        lines.append(f"{' '.join(said[:4])},{' '.join(said)}")
    return "\n".join(lines).encode()


def _bought(people: int) -> bytes:
    rng = np.random.default_rng(0)
    lines = ["who,what,day"]
    for person in range(people):
        items = 2 * rng.permutation(40)[:12] + person % 2
        lines += [f"p{person},i{item},2024-01-{day + 1:02d}" for day, item in enumerate(items)]
    return "\n".join(lines).encode()


def _asked(rng: random.Random, words: list[str], passages: int) -> bytes:
    """SQuAD: three questions a passage, each of a place in it, whose answer is the word after it."""
    entries = []
    for number in range(passages):
        said = [rng.choice(words) for _ in range(rng.randint(30, 120))]
        passage, asked = " ".join(said), []
        for question in range(3):
            place = rng.randint(2, len(said) - 2)
            start = len(" ".join(said[:place])) + 1
            answer = {"text": said[place], "answer_start": start}
            asked.append(
                {"id": f"{number}-{question}", "question": f"what follows {said[place - 1]}", "answers": [answer]}
            )
        entries.append({"context": passage, "qas": asked})
    return json.dumps({"version": "1.1", "data": [{"title": "made up", "paragraphs": entries}]}).encode()
