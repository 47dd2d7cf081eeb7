"""The cache of prepared data: bounded over all datasets, and the first to give way on a full volume. Real files, no server."""

import os

import pytest

from shared.ids import new_id
from shared.volume import cache
from shared.volume.volume import Volume, staging
from worker.context import Context
from worker.families.kept import kept
from worker.recipe import OpenInput


@pytest.fixture
def volume(tmp_path):
    volume = Volume(tmp_path)
    volume.ensure()
    return volume


def dataset(volume, name):
    with volume.stage(volume.root / "datasets") as stage:
        (stage.path / "t").write_text("t")
        stage.publish(volume.dataset_dir(name), {"id": name})
    return name


def entry(volume, data, key, *, age_s, size=1000, job_id=""):
    """An entry of a cache, last used so long ago."""
    path = cache.entry_dir(volume.root / cache.CACHE, data, key)
    path.mkdir(parents=True)
    (path / "tokens").write_bytes(b"1" * size)
    cache.mark_used(path, job_id)
    at = volume.now() - age_s
    for each in (path / cache.USED, path):
        os.utime(each, (at, at))
    return path


@pytest.fixture
def four(volume):
    """Entries of two datasets, oldest first; the oldest is in use."""
    a, b = dataset(volume, "a" * 32), dataset(volume, "b" * 32)
    return [
        entry(volume, a, "in use", age_s=400, job_id=new_id()),
        entry(volume, b, "old", age_s=300),
        entry(volume, a, "newer", age_s=200),
        entry(volume, b, "newest", age_s=100),
    ]


def there(entries):
    return [path.name for path in entries if path.exists()]


def test_over_all_datasets_what_was_used_longest_ago_goes_first_and_nothing_in_use(volume, four):
    assert cache.drop_unused(volume, most_bytes=4_000) == 0
    assert cache.drop_unused(volume, most_bytes=3_500) == 1
    assert there(four) == ["in use", "newer", "newest"]
    cache.mark_used(four[2])
    assert cache.drop_unused(volume, most_bytes=2_000) == 1
    assert there(four) == ["in use", "newer"]
    assert cache.drop_unused(volume, most_bytes=0) == 1
    assert there(four) == ["in use"]


def test_where_there_is_room_nothing_gives_way(volume, four):
    assert cache.make_room(volume, free=lambda root: 1 << 60) == 0 and len(there(four)) == 4


def test_where_there_is_none_as_much_gives_way_as_is_needed(volume, four):
    """A volume that has room for what is wanted once two entries are gone."""
    before = cache.folder_bytes(volume.root / cache.CACHE)

    def free(root):
        return (1 << 60) if before - cache.folder_bytes(root / cache.CACHE) >= 2_000 else 0

    assert cache.make_room(volume, 10, free) == 2
    assert there(four) == ["in use", "newest"]


def test_of_a_volume_that_stays_full_all_gives_way_but_what_is_in_use(volume, four):
    assert cache.make_room(volume, 1 << 62) == 3 and there(four) == ["in use"]


def test_a_job_that_comes_while_an_entry_is_being_taken_away_brings_it_back(volume, four, monkeypatch):
    real = staging.remove

    def remove(folder, *, unless):
        def asked(aside):
            (aside / "pins").mkdir()
            (aside / "pins" / new_id()).touch()
            return unless(aside)

        return real(folder, unless=asked)

    monkeypatch.setattr(staging, "remove", remove)
    assert cache.drop_unused(volume, most_bytes=0) == 0
    assert len(there(four)) == 4


def test_a_training_pins_what_it_uses_made_anew_or_found(volume):
    opened = OpenInput(volume.root, dataset=type("Manifest", (), {"id": dataset(volume, "a" * 32)})(), hash="h")
    made = []

    def make(folder):
        made.append(folder)
        (folder / "tokens").write_bytes(b"1")
        return {"n": 1}

    jobs = [new_id(), new_id()]
    for job_id in jobs:
        context = Context(volume=volume, cache_dir=volume.root / cache.CACHE, job_id=job_id)
        with kept(context, "text", opened, {}, make) as (folder, facts):
            assert facts == {"n": 1} and (folder / "tokens").read_bytes() == b"1"
    assert len(made) == 1 and sorted(cache.users(volume).values()) == sorted(jobs)
