"""The cases of recipes that look at pictures (recipe_case.py)."""

import io
import tempfile
from typing import Any

import numpy as np

from shared.datasets import DatasetManifest
from shared.volume.files import save_file
from shared.volume.volume import Volume
from tests.support.recipe_case import Case, put_as
from tests.support.tiny_boxes import coco, tiny_boxes, tiny_things
from tests.support.tiny_captions import caption_files
from tests.support.tiny_datasets import import_files
from tests.support.tiny_faces import face_files
from tests.support.tiny_masks import grey_png, tiny_pairs
from tests.support.tiny_pictures import folder_files, png
from tests.support.tiny_scenes import clean_files, pair_files


def _one_picture(volume: Volume) -> dict[str, Any]:
    body = folder_files(1)[0][1]
    return {"images": [save_file(volume, "ape.png", io.BytesIO(body), owner="local", max_bytes=10**6).id]}


def _put_pictures(volume: Volume, files: list[tuple[str, bytes]]) -> DatasetManifest:
    """As pairs where names say that they are some."""
    pairs = any("masks/" in name or "clean/" in name for name, _ in files)
    return import_files(volume, files, "picture_pairs" if pairs else "pictures")


def style_picture() -> bytes:
    """A PNG of slanting stripes in three colours."""
    down, across = np.indices((40, 48))
    colours = np.array([[220, 40, 30], [250, 220, 60], [20, 40, 160]], np.uint8)
    return png(colours[(down + across) // 5 % 3])


def put_style(volume: Volume) -> str:
    """Send it, or find it sent: the id is the same on every volume."""
    return save_file(volume, "style.png", io.BytesIO(style_picture()), owner="local", max_bytes=10**6).id


def _style_id() -> str:
    with tempfile.TemporaryDirectory() as folder:
        volume = Volume(folder)
        volume.ensure()
        return put_style(volume)


def _put_beside_style(volume: Volume, files: list[tuple[str, bytes]]) -> DatasetManifest:
    put_style(volume)
    return import_files(volume, files, "pictures")


_AB = ("ape", "bee")
_CAPTIONED = {
    "width": 4, "embedding": 8, "token_dropout": 0.2, "epochs": 4, "batch_size": 8, "warmup_steps": 0, "learning_rate": 1e-2,
    "max_length": 24,
}  # fmt: skip

PICTURES: dict[str, Case] = {
    "image_classifier": Case(
        recipe="image_classifier",
        put=put_as("pictures"),
        data=lambda: folder_files(40, channels=3),
        params={"width": 4, "epochs": 4, "batch_size": 6, "dropout": 0.3, "class_weights": "balanced"},
        generate=_one_picture,
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"architecture": "transformer"}, {"unknown": 1},
            {"epochs": "x"}, {"validation_fraction": 0.9}, {"seed": -1}, {"batch_size": None},
        ],
        bad_generate=[{}, {"images": ["no id"]}, {"images": []}, {"images": ["0" * 32], "top_k": 0}],
        bad_data=[folder_files(6, names=("ape",)), [*folder_files(4, "train", names=_AB), *folder_files(3, "test")]],
    ),
    "image_classifier upon a backbone": Case(
        recipe="image_classifier",
        put=put_as("pictures"),
        data=lambda: folder_files(40, channels=3),
        weights="backbone",
        params={"epochs": 4, "batch_size": 6, "dropout": 0.3, "image_size": 32, "method": "full"},
        generate=_one_picture,
        bad_params=[{"method": "lora"}, {"backbone_share": 0}],
        bad_generate=[{}],
        bad_data=[folder_files(6, names=("ape",))],
    ),
    "image_segmenter": Case(
        recipe="image_segmenter",
        put=put_as("picture_pairs"),
        data=lambda: tiny_pairs(24),
        params={
            "width": 4, "depth": 2, "epochs": 4, "batch_size": 4, "dropout": 0.3, "class_weights": "balanced", "ignore": ["void"],
            "tile": 16, "warmup_steps": 0, "learning_rate": 1e-2,
        },
        generate=_one_picture,
        carries={"tile": 64, "image_size": 64},
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"architecture": "transformer"}, {"unknown": 1}, {"loss": "hinge"},
            {"tile": -1}, {"validation_fraction": 0.9}, {"seed": -1}, {"ignore": "void"}, {"image_size": 10_000}, {"zoom": 0.9},
        ],
        bad_generate=[{}, {"images": ["no id"]}, {"images": []}],
        bad_data=[
            [(f"{folder}/{n}.png", folder_files(n + 1)[n][1]) for folder in ("noisy", "clean") for n in range(4)],
            [(name, grey_png(np.zeros((24, 32), "u1")) if "masks" in name else body) for name, body in tiny_pairs(4)],
        ],
    ),
    "image_segmenter of dilated convolutions": Case(
        recipe="image_segmenter",
        put=put_as("picture_pairs"),
        data=lambda: tiny_pairs(24),
        params={
            "architecture": "deeplab", "width": 4, "depth": 1, "epochs": 4, "batch_size": 4, "dropout": 0.3, "loss": "focal",
            "ignore": ["void"], "tile": 16, "augmentation": "auto", "colour": 0.5, "warmup_steps": 0, "learning_rate": 1e-2,
        },
        generate=_one_picture,
        carries={"tile": 64, "image_size": 64},
        bad_params=[{"depth": 9}, {"augmentation": "half"}],
        bad_generate=[{}],
        bad_data=[[(name, grey_png(np.zeros((24, 32), "u1")) if "masks" in name else body) for name, body in tiny_pairs(4)]],
    ),
    "image_segmenter upon a backbone": Case(
        recipe="image_segmenter",
        long=True,
        put=put_as("picture_pairs"),
        data=lambda: tiny_pairs(24),
        weights="backbone",
        params={
            "width": 4, "epochs": 4, "batch_size": 4, "dropout": 0.3, "ignore": ["void"], "tile": 16, "warmup_steps": 0,
            "learning_rate": 1e-2,
        },
        generate=_one_picture,
        carries={"tile": 64, "image_size": 64},
        bad_params=[{"method": "lora"}, {"backbone_share": 0}],
        bad_generate=[{}],
        bad_data=[[(name, grey_png(np.zeros((24, 32), "u1")) if "masks" in name else body) for name, body in tiny_pairs(4)]],
    ),
    "image_matcher": Case(
        recipe="image_matcher",
        put=put_as("pictures"),
        data=lambda: face_files(range(10), 4),
        params={
            "width": 4, "embedding": 8, "steps": 32, "eval_every": 8, "batch_size": 16, "warmup_steps": 0, "learning_rate": 1e-2,
        },
        generate=_one_picture,
        carries={"image_size": 64, "each": 8, "batch_size": 32},
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"loss": "softmax"}, {"unknown": 1}, {"each": 1}, {"margin": 2},
            {"embedding": 1}, {"validation_fraction": 0.9}, {"seed": -1}, {"image_size": -1}, {"steps": 0},
        ],
        bad_generate=[{}, {"images": ["no id"]}, {"images": []}, {"images": ["0" * 32], "threshold": 2}],
        bad_data=[face_files([1, 2], 3), face_files(range(5), 1)],
    ),
    "image_matcher upon a backbone": Case(
        recipe="image_matcher",
        long=True,
        put=put_as("pictures"),
        data=lambda: face_files(range(10), 4),
        weights="backbone",
        params={
            "image_size": 32, "embedding": 8, "steps": 32, "eval_every": 8, "batch_size": 16, "warmup_steps": 0,
            "learning_rate": 1e-2,
        },
        generate=_one_picture,
        carries={"image_size": 64, "each": 8, "batch_size": 32},
        bad_params=[{"method": "lora"}],
        bad_generate=[{}],
        bad_data=[face_files([1, 2], 3)],
    ),
    "image_text_matcher": Case(
        recipe="image_text_matcher",
        put=put_as("captioned_pictures"),
        data=lambda: caption_files(range(40)),
        params=_CAPTIONED,
        generate=lambda volume: {"text": "a red square", "top_k": 3},
        carries={"image_size": 64, "batch_size": 32},
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"embedding": 1}, {"unknown": 1}, {"text_width": 20},
            {"tokens": "auto"}, {"temperature": 0}, {"validation_fraction": 0}, {"seed": -1}, {"image_size": -1},
            {"text_method": "none"}, {"zoom": 0.9},
        ],
        bad_generate=[{}, {"text": ""}, {"text": "a", "top_k": 0}, {"text": 7}],
        bad_data=[
            caption_files(range(3)),
            folder_files(4),
            [*folder_files(9), ("t.csv", "\n".join(["file,text", *(f"{n:03d}.png,the same" for n in range(9))]).encode())],
        ],
    ),
    "image_to_image": Case(
        recipe="image_to_image",
        put=_put_pictures,
        data=lambda: clean_files(12, height=20, width=24),
        params={
            "task": "denoise", "sigma": 80, "width": 4, "depth": 1, "steps": 32, "eval_every": 8, "batch_size": 8, "patch": 10,
            "tile": 16, "warmup_steps": 0, "learning_rate": 5e-3,
        },
        generate=_one_picture,
        carries={"tile": 64, "image_size": 64, "patch": 32},
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"task": "colourise"}, {"unknown": 1}, {"scale": 5}, {"scale": 2.5},
            {"sigma": 0}, {"tile": -1}, {"validation_fraction": 0.9}, {"seed": -1}, {"hole": 1}, {"network": "gan"}, {"steps": 0},
        ],
        bad_generate=[{}, {"images": ["no id"]}, {"images": []}, {"images": ["0" * 32], "masks": "none"}],
        bad_data=[tiny_pairs(4), pair_files(4, lambda scene: scene // 2)],
    ),
    "style_transfer": Case(
        recipe="style_transfer",
        put=_put_beside_style,
        data=lambda: clean_files(8, height=40, width=48),
        weights="backbone",
        params={
            "style": [_style_id()], "width": 4, "depth": 1, "steps": 32, "eval_every": 8, "batch_size": 2, "image_size": 32,
            "style_size": 48, "warmup_steps": 0, "learning_rate": 1e-2, "validation_fraction": 0.25,
        },
        generate=_one_picture,
        carries={"image_size": 64, "style_size": 64},
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"content_weight": 0}, {"unknown": 1}, {"style": "no id"},
            {"style_weight": -1}, {"validation_fraction": 0.9}, {"seed": -1}, {"image_size": 31}, {"style_size": 10_000},
            {"steps": 0},
        ],
        bad_generate=[
            {}, {"images": ["no id"]}, {"images": []}, {"images": ["0" * 32], "strength": 2}, {"images": ["0" * 32], "steps": 0},
            {"images": ["0" * 32], "style": ["0" * 32], "size": 1_025},
        ],
        bad_data=[clean_files(1, height=40, width=48)],
    ),
    "image_vae": Case(
        recipe="image_vae",
        put=put_as("pictures"),
        data=lambda: folder_files(40, channels=3),
        params={"width": 4, "latent": 3, "epochs": 5, "batch_size": 6, "warmup_steps": 0, "kl_warmup": 0.0, "flip": "horizontal"},
        generate=lambda volume: _one_picture(volume) | {"mode": "walk", "steps": 3, "seed": 1},
        carries={"image_size": 64},
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"latent": 0}, {"unknown": 1}, {"likelihood": "gaussian"},
            {"beta": -1}, {"validation_fraction": 0.9}, {"seed": -1}, {"kl_warmup": 2}, {"image_size": 10_000}, {"flip": "both"},
        ],
        bad_generate=[
            {"mode": "reconstruct"}, {"mode": "interpolate", "images": ["0" * 32]}, {"count": 0}, {"steps": 2},
            {"images": ["no id"]}, {"temperature": -1}, {"mode": "dream"},
        ],
        bad_data=[folder_files(1), [("ape/1.png", folder_files(1)[0][1]), ("ape/2.png", folder_files(1)[0][1])]],
    ),
    "object_detector": Case(
        recipe="object_detector",
        put=put_as("boxes"),
        data=lambda: tiny_boxes(60),
        params={"width": 4, "epochs": 5, "batch_size": 4, "warmup_steps": 0, "learning_rate": 5e-3},
        generate=_one_picture,
        carries={"image_size": 64, "width": 8, "depth": 2},
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"depth": 0}, {"unknown": 1}, {"mosaic": 2}, {"flip": "vertical"},
            {"validation_fraction": 0.9}, {"seed": -1}, {"ignore": "bar"}, {"image_size": 10_000}, {"zoom": 0.9},
        ],
        bad_generate=[{}, {"images": ["no id"]}, {"images": []}, {"images": ["0" * 32], "least_score": 0}],
        bad_data=[folder_files(4), [("a.png", png(tiny_things(1)[0])), ("a.json", coco({"b.png": tiny_things(1)}))]],
    ),
    "object_detector of two stages": Case(
        recipe="object_detector",
        long=True,
        put=put_as("boxes"),
        data=lambda: tiny_boxes(24),
        params={"head": "two_stage", "width": 4, "epochs": 10, "batch_size": 4, "warmup_steps": 0, "learning_rate": 5e-3},
        generate=_one_picture,
        carries={"image_size": 64, "width": 8, "depth": 2},
        bad_params=[{"head": "three_stage"}],
        bad_generate=[{}],
        bad_data=[folder_files(4)],
    ),
    "object_detector upon a backbone": Case(
        recipe="object_detector",
        long=True,
        put=put_as("boxes"),
        data=lambda: tiny_boxes(24),
        weights="backbone",
        params={"method": "frozen", "width": 4, "epochs": 12, "batch_size": 4, "warmup_steps": 0, "learning_rate": 1e-2},
        generate=_one_picture,
        carries={"image_size": 64, "width": 8, "depth": 2},
        bad_params=[{"method": "lora"}],
        bad_generate=[{}],
        bad_data=[folder_files(4)],
    ),
    "image_diffusion": Case(
        recipe="image_diffusion",
        noisy=True,
        put=put_as("pictures"),
        data=lambda: folder_files(40, channels=3, side=6),
        params={
            "width": 4, "epochs": 8, "batch_size": 6, "warmup_steps": 0, "learning_rate": 1e-2, "dropout": 0.2,
            "flip": "horizontal", "average": 0.9,
        },
        generate=lambda volume: {"label": "ape", "count": 3, "steps": 3, "seed": 1},
        carries={"image_size": 32, "depth": 2},
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"levels": 0}, {"unknown": 1}, {"fold": "3"}, {"dropout": 1},
            {"average": 1}, {"validation_fraction": 0.9},
            {"seed": -1}, {"depth": 9}, {"image_size": 10_000}, {"flip": "both"}, {"classes": "all"},
        ],
        bad_generate=[{"count": 0}, {"count": 100_000}, {"steps": 1}, {"guidance": -1}, {"label": 7}],
        bad_data=[folder_files(1), [("ape/1.png", folder_files(1)[0][1]), ("ape/2.png", folder_files(1)[0][1])]],
    ),
    "image_gan": Case(
        recipe="image_gan",
        put=put_as("pictures"),
        data=lambda: folder_files(40, channels=3, side=6),
        params={"width": 4, "latent": 3, "epochs": 4, "batch_size": 6, "flip": "horizontal", "average": 0.9, "learning_rate": 5e-3},
        generate=lambda volume: {"label": "ape", "count": 3, "seed": 1},
        carries={"image_size": 64},
        bad_params=[
            {"width": 0}, {"learning_rate": float("nan")}, {"latent": 0}, {"unknown": 1}, {"judge_learning_rate": 0},
            {"average": 1},
            {"validation_fraction": 0.9}, {"seed": -1}, {"keep": "first"}, {"image_size": 10_000},
            {"flip": "both"}, {"classes": "all"},
        ],
        bad_generate=[{"count": 0}, {"count": 100_000}, {"temperature": -1}, {"label": 7}, {"steps": 3}],
        bad_data=[folder_files(1), [("ape/1.png", folder_files(1)[0][1]), ("ape/2.png", folder_files(1)[0][1])]],
    ),
}  # fmt: skip
