"""Assets: equal ones have equal hashes in every process; what is damaged or gone is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")

from shared.errors import CheckpointCorrupt  # noqa: E402
from worker.recipe import Assets  # noqa: E402
from worker.training.assets import ARRAYS, JSON, assets_hash, read_assets, settled, write_assets  # noqa: E402


def _assets():
    arrays = {"vectors": np.arange(6, dtype=np.float32).reshape(2, 3), "edges": np.array([[1, 2]], np.int64)}
    return settled(Assets({"classes": ["猫", "dog"], "size": (3, 4), "mean": 0.1}, arrays))


def test_what_was_written_is_read_again(tmp_path):
    name = write_assets(tmp_path, _assets())
    found = read_assets(tmp_path, name)
    assert found.json == {"classes": ["猫", "dog"], "mean": 0.1, "size": [3, 4]}
    for key, array in _assets().arrays.items():
        assert found.arrays[key].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[key], array)


def test_training_sees_what_generation_will_see():
    raw = Assets({"b": (1, 2), "a": {3: "x"}}, {"z": np.asfortranarray(np.ones((2, 2), ">f4")), "y": np.array(True)})
    once = settled(raw)
    assert list(once.json) == ["a", "b"] and once.json == {"a": {"3": "x"}, "b": [1, 2]}
    assert list(once.arrays) == ["y", "z"]
    assert once.arrays["z"].dtype.str == "<f4" and once.arrays["z"].flags.c_contiguous
    assert once.arrays["y"].shape == ()
    assert assets_hash(settled(once)) == assets_hash(once)


def test_the_hash_depends_on_the_content_and_on_nothing_else():
    base = assets_hash(_assets())
    shuffled = _assets()
    other_order = Assets(dict(reversed(shuffled.json.items())), dict(reversed(shuffled.arrays.items())))
    assert assets_hash(settled(other_order)) == base
    for change in (
        {"vectors": np.zeros((2, 3), np.float32)},
        {"vectors": np.arange(6, dtype=np.float32).reshape(3, 2)},
        {"vectors": np.arange(6, dtype=np.float64).reshape(2, 3)},
    ):
        assert assets_hash(settled(Assets(_assets().json, {**_assets().arrays, **change}))) != base


def test_equal_assets_have_equal_hashes_in_another_process():
    code = "from tests.unit.test_assets import _assets, assets_hash; print(assets_hash(_assets()))"
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "PYTHONHASHSEED": "7", "TF_CPP_MIN_LOG_LEVEL": "3"}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, env=env)
    assert shown.stdout.split()[-1] == assets_hash(_assets())


def test_written_twice_they_are_there_once_and_the_first_stays(tmp_path):
    name = write_assets(tmp_path, _assets())
    before = (tmp_path / "assets" / name).stat().st_ino
    assert write_assets(tmp_path, _assets()) == name
    assert [path.name for path in (tmp_path / "assets").iterdir()] == [name]
    assert (tmp_path / "assets" / name).stat().st_ino == before


@pytest.mark.parametrize("file", [JSON, ARRAYS])
def test_damage_is_said_and_a_training_that_knows_them_mends_it(tmp_path, file):
    name = write_assets(tmp_path, _assets())
    path = tmp_path / "assets" / name / file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointCorrupt, match="differ from their manifest"):
        read_assets(tmp_path, name)
    write_assets(tmp_path, _assets())
    assert read_assets(tmp_path, name).json == _assets().json


def test_assets_that_are_gone_are_named(tmp_path):
    with pytest.raises(CheckpointCorrupt, match="0123 are no longer"):
        read_assets(tmp_path, "0123")


def test_what_no_file_could_hold_is_refused_with_its_name():
    with pytest.raises(TypeError, match="names"):
        settled(Assets({}, {"names": np.array(["a", "b"])}))
    with pytest.raises(ValueError):
        settled(Assets({"mean": float("nan")}))
