"""What tests of exports share: a training or a use carried out without a supervisor, pictures, and examples run elsewhere."""

import io
from typing import Any

import numpy as np
import tensorflow as tf

from shared.ids import new_id
from shared.jobs.job import InputRef, Job, State, utc_now
from shared.outputs import load_outputs
from shared.volume.files import save_file
from shared.volume.volume import Volume
from tests.support.tiny_pictures import png, tiny_pictures
from worker.context import Context
from worker.generation.generator import run_generate
from worker.training.trainer import run_train

# Runs examples one after the other: {folder: [arguments]} in, {folder: what it wrote} out. This project must not be there.
ALONE = """
import contextlib, io, json, runpy, sys
try:
    import worker
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("the project can be imported here")
said = {}
for folder, arguments in json.loads(sys.argv[1]).items():
    sys.argv, out = ["example.py", *arguments], io.StringIO()
    sys.path.insert(0, folder)  # as python does with a script
    with contextlib.redirect_stdout(out):
        runpy.run_path(folder + "/example.py", run_name="__main__")
    del sys.path[0]
    sys.modules.pop("whole", None)
    said[folder] = out.getvalue()
assert not any(name.split(".")[0] in ("worker", "shared") for name in sys.modules)
print(json.dumps(said))
"""

# What examples and the service are asked alike.
ROWS = """note,extra,since,married,job,hours,age
"likes tea, and cake 7",x,2020-03-11,yes,baker,50,40
喜歡茶 3,y,2021-12-31T23:30:00-02:00,no,書記,1e1,20.0
,,,,,,
?,z,2020-02-29 06:15,YES, clerk ,-3.5,+33
"""
DAYS = [
    f"2021-05-{day:02d},{shop},{day % 7 + len(shop)},{day % 3 % 2}" for shop in ("上海", "new") for day in range(1, 17)
]
RECENT = "\n".join(["day,shop,units,promotion", *DAYS[:16], "2021-05-17,上海,,1", *DAYS[16:]])
PROMPTS = ("The lazy", "dog; the")
TEXTS = ("a lovely Ｒoom, very fine", "awful food 太差 " * 9 + "but a good bed", "never seen")


def run_job(
    volume: Volume, recipe: str, kind: Any, inputs: dict[str, InputRef], params: dict[str, Any], warm: Any, use=""
):
    """(job, its result, its outputs, the folder of its artifacts)."""
    job = Job(
        id=new_id(), kind=kind, recipe=recipe, use=use, params=params, inputs=inputs, name=f"a tiny {recipe}",
        state=State.running, queue=kind, attempt=1, created_at=utc_now(), updated_at=utc_now(),
    )  # fmt: skip
    context = Context(volume.start_attempt(job.id, 1), volume, job.id, cache_dir=volume.root / "cache")
    result = run_train(job, context) if kind == "train" else run_generate(job, context, warm)
    folder = volume.attempt_dir(job.id, 1) / "artifacts"
    return job, result, load_outputs((folder / "outputs.json").read_bytes()), folder


def put_pictures(volume: Volume) -> list[Any]:
    """(path on the disk, id on the volume) of pictures of several sizes, grey and in colour."""
    found = []
    rng = np.random.default_rng(3)
    for number, (height, width, channels) in enumerate(
        [(12, 12, 1), (12, 12, 3), (50, 31, 1), (7, 90, 3), (131, 64, 3)]
    ):
        body = png(rng.integers(0, 255, (height, width, channels), dtype=np.uint8))
        path = volume.root / f"picture_{number}.png"
        path.write_bytes(body)
        found.append((str(path), save_file(volume, path.name, io.BytesIO(body), owner="local", max_bytes=10**6).id))
    return found


def some_inputs(recipe: str, held: Any, network: Any) -> Any:
    """What a network of this recipe can be asked, the same each time. held: the loaded model; network: its Keras model."""
    if recipe == "image_classifier":
        return tf.constant(tiny_pictures(4)[0].astype(np.float32)[..., : held.assets["shape"][2]])
    if recipe == "image_diffusion":
        assert held.model.classes == 3
        return [
            tf.random.stateless_normal((2, *held.model.shape), (0, 0)),
            tf.constant([0.1, 0.9]),
            tf.constant([0, 3]),
        ]
    if recipe == "image_gan":
        return [tf.random.stateless_normal((2, 3), (0, 0)), tf.constant([0, 2])]
    if recipe == "image_vae":
        return tf.constant(held.assets.arrays["shown"].astype(np.float32))
    if recipe == "image_segmenter":
        return tf.constant(np.random.default_rng(0).uniform(0, 255, (2, *held.assets["tile"], 3)), tf.float32)
    if recipe == "style_transfer":
        return tf.constant(np.random.default_rng(0).uniform(0, 255, (2, 36, 44, 3)), tf.float32)
    if recipe == "image_to_image":
        return tf.constant(np.random.default_rng(0).uniform(0, 255, (2, 14, 19, 3)), tf.float32)
    if recipe == "object_detector":
        return tf.constant(np.random.default_rng(0).uniform(0, 255, (2, *held.assets["shape"])), tf.float32)
    if recipe == "forecaster":
        return {name: tf.constant(held.assets.arrays[f"shown_{name}"]) for name in network.input}
    if recipe == "tabular":
        shown = {name.removeprefix("shown_"): array for name, array in held.assets.arrays.items() if "shown_" in name}
        return {name: tf.constant(shown[name].astype("f4" if name == "numbers" else "i4")) for name in network.input}
    if recipe == "seq2seq":
        some = tf.constant(np.arange(16).reshape(2, 8) + 1, tf.int32)
        return {"source": some, "target": some}
    length = held.assets.json.get("length", 6)
    return tf.constant(np.arange(2 * length).reshape(2, length) % 20, tf.int32)
