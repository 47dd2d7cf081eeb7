"""The web and the supervisor killed between any two lines: see every_line.py. Before every 24th here, in `make faults` all."""

import json
import subprocess
import sys

import pytest

from tests.faults.dying import ROOT
from tests.faults.every_line import SCENES


def dying(scene, redis_server, folder, stride):
    command = [sys.executable, "-m", "tests.faults.every_line", scene, redis_server.url, str(folder), str(stride)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("stride", [24, pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
def test_a_process_killed_before_any_line_leaves_a_job_that_ends_once(redis_server, tmp_path, scene, stride):
    report = dying(scene, redis_server, tmp_path / "data", stride)
    assert report["problems"] == []
    assert report["lines"] > 100, "the work has become another one"
    assert report["deaths"] > 0.75 * report["lines"] / stride, "some lines are come by only now and then, not most"
