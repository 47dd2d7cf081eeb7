"""What another version has written: every command that would use it refuses in a sentence and leaves it as it is."""

from pathlib import Path

import pytest

from cli.main import main


def _everything_in(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def old_volume(tmp_path):
    """A volume as version 1 left it: jobs, and nothing that says which version wrote them."""
    data = tmp_path / "old"
    (data / "jobs" / ("0" * 26)).mkdir(parents=True)
    (data / "jobs" / ("0" * 26) / "record.json").write_text("{}")
    return data


@pytest.fixture
def commands(old_volume, tmp_path):
    backup = ["backup", str(tmp_path / "backup")]
    return [["up", "--port", "0"], ["demo", "--once"], backup, ["reindex"], ["restore", str(tmp_path)], ["doctor"]]


def test_no_command_uses_or_changes_a_volume_of_another_version(old_volume, commands, capsys):
    before = _everything_in(old_volume)
    for words in commands:
        assert main([*words, "--data", str(old_volume)]) == 1, words
        said = "".join(capsys.readouterr())
        assert "was written by version 1" in said, words
        assert "choose an empty folder" in said, words
        assert "Traceback" not in said, words
        assert _everything_in(old_volume) == before, words


def test_a_backup_of_another_version_is_not_restored(old_volume, tmp_path, capsys):
    assert main(["restore", str(old_volume), "--data", str(tmp_path / "new")]) in (1, 2)
    said = "".join(capsys.readouterr())
    assert "version 1" in said and "Traceback" not in said
    assert not (tmp_path / "new" / "jobs").exists()


@pytest.fixture
def old_redis(store, settings, monkeypatch):
    """Jobs of version 1 under a prefix of their own."""
    monkeypatch.setenv("TRAINYARD_KEY_PREFIX", settings.key_prefix)
    store.redis.zadd(f"{settings.key_prefix}:jobs", {"0" * 26: 1})
    return settings.redis_url


@pytest.mark.parametrize("words", [["up", "--port", "0"], ["reindex"], ["doctor"]], ids=lambda words: words[0])
def test_no_command_uses_or_changes_a_redis_of_another_version(old_redis, store, settings, tmp_path, words, capsys):
    keys = sorted(store.redis.scan_iter(f"{settings.key_prefix}:*"))
    assert main([*words, "--data", str(tmp_path / "new"), "--redis-url", old_redis]) == 1
    said = "".join(capsys.readouterr())
    assert "were written by version 1" in said
    assert "Traceback" not in said
    assert sorted(store.redis.scan_iter(f"{settings.key_prefix}:*")) == keys
