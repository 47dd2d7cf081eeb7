"""fit() over two devices at once (tf.distribute), with two logical CPU devices in a process of its own. Not on GPUs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorflow")

CHILD = """
import io, json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from pathlib import Path
from shared.errors import Paused
from shared.ids import new_id
from shared.recipes.image_classifier import SPEC, ImageClassifierTrain
from shared.volume.volume import Volume
from tests.support.tiny_datasets import given, import_files
from tests.support.tiny_pictures import folder_files
from worker.training import checkpoint
from worker.context import Context
from worker.training.fit import fit
from worker.recipes import image_classifier

class Stopping(Context):
    stop_at = None
    def series_row(self, row):
        super().series_row(row)
        self.row = row
    def check(self):
        if self.stop_at and getattr(self, "row", {}).get("step", 0) >= self.stop_at:
            raise Paused("asked to")

volume = Volume(Path(sys.argv[1])); volume.ensure()
dataset = import_files(volume, folder_files(40), "pictures")
params = ImageClassifierTrain(width=4, epochs=3, batch_size=8, warmup_steps=0)
data = image_classifier.load(given(volume, dataset), params, Context())
devices = ["CPU:0", "CPU:1"]
def run(job, attempt, stop_at=None, resume=None):
    context = Stopping(volume.start_attempt(job, attempt), volume, job, attempt)
    context.stop_at = stop_at
    return fit(SPEC, params, data, context, resume, devices=devices)
whole, cut = new_id(), new_id()
outcome = run(whole, 1)
replicas = [
    max(float(abs(a - b).max()) for a, b in [[part.numpy() for part in variable.value.values]])
    for variable in outcome.model.trainable_variables
]
try:
    run(cut, 1, stop_at=6)
except Paused:
    pass
again = run(cut, 2, resume=volume.newest_checkpoint(cut))
apart = max(
    float(abs(a.astype("float64") - b.astype("float64")).max())
    for a, b in zip(*(checkpoint.take_snapshot(o.model, {}).arrays for o in (outcome, again)))
)
print(json.dumps({"step": outcome.step, "metrics": outcome.metrics, "replicas": max(replicas), "apart": apart}))
"""


@pytest.mark.timeout(240)
def test_two_devices_train_one_model_keep_equal_weights_and_go_on_after_a_stop(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, text=True, check=False, timeout=220,
        cwd=Path(__file__).resolve().parents[2], env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["step"] == 12
    assert found["replicas"] == 0.0
    assert found["metrics"]["val_loss"] > 0
    assert found["apart"] < 1e-5
