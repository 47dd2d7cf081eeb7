"""Settings with a port that is none: every process says so in words and does not start."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["worker", "worker.upkeep.reaper", "web"])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TRAINYARD_PORT", "70000", "must be at most 65,535"),
        ("TRAINYARD_PORT", "abc", "a whole number is needed"),
        ("TRAINYARD_REDIS_URL", "redis://127.0.0.1:99999/0", "is no URL of a Redis"),
        ("TRAINYARD_BROKER_URL", "redis://127.0.0.1:port/0", "is no URL of a Redis"),
    ],
)
def test_a_process_with_a_port_that_is_none_says_which_setting_it_is(tmp_path, module, name, value, said):
    environment = os.environ | {"TRAINYARD_DATA": str(tmp_path / "data"), name: value}
    ended = subprocess.run(
        [sys.executable, "-m", module], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1, ended.stderr
    assert f"{name}: {said}" in ended.stderr and "Traceback" not in ended.stderr
    assert not (tmp_path / "data").exists()
