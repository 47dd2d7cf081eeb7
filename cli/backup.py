"""trainyard backup and restore: a copy of the volume in a folder, and an installation made from one."""

import argparse
import sys

import redis

from cli.installation import add_options, open_store, refuse_unnamed, settings_of
from cli.paths import folder
from cli.reindex import recover
from cli.screen import plain, size
from shared.errors import SchemaMismatch, TrainyardError
from shared.settings import Settings
from shared.volume.backup import Copied, back_up, restore
from shared.volume.copies import copy_records
from shared.volume.schema import require_volume
from shared.volume.volume import Volume

_RECORDS_S = 60.0  # for writing the newest records first; those of the last seconds, where a reaper runs


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("backup", help="copy the volume, with the records of all jobs, to a new folder")
    parser.add_argument("folder", type=folder, metavar="FOLDER", help="must not exist yet")
    add_options(parser)
    parser.set_defaults(run=_back_up)
    parser = commands.add_parser("restore", help="make an empty volume and Redis from a backup, checking every file")
    parser.add_argument("folder", type=folder, metavar="FOLDER", help="a backup, or any other copy of a volume")
    add_options(parser)
    parser.add_argument("--hold", action="store_true", help="what had not ended comes back paused, not queued")
    parser.set_defaults(run=_restore)


def _back_up(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    refuse_unnamed(settings)
    volume = Volume(settings.data)
    _newest_records(settings, volume)
    copied = back_up(volume, options.folder, _tell)
    _show(copied, f"of {settings.data.resolve()} copied to {options.folder}")
    return 1 if copied.damaged else 0


def _newest_records(settings: Settings, volume: Volume) -> None:
    """Raises SchemaMismatch: what another version has written is copied by that version."""
    require_volume(volume)
    if not (volume.root / "jobs").is_dir():
        return  # no volume: the copying says so
    try:
        with open_store(settings) as store:
            copy_records(store, volume, limit_s=_RECORDS_S)
    except SchemaMismatch:
        raise
    except (redis.RedisError, TrainyardError) as err:
        print(f"the records of jobs are as the reaper last wrote them; Redis: {err}", file=sys.stderr)


def _restore(options: argparse.Namespace) -> int:
    settings = settings_of(options)
    volume = Volume(settings.data)
    require_volume(volume)
    copied = restore(options.folder, volume, _tell)
    _show(copied, f"restored to {settings.data}")
    try:
        with open_store(settings) as store:
            lost = recover(store, volume, hold=options.hold)
    except redis.RedisError as err:
        raise TrainyardError(f"Redis cannot be reached ({err}): run `trainyard reindex` once it can") from err
    return 1 if lost or copied.damaged else 0


def _tell(files: int, done_bytes: int) -> None:
    if sys.stderr.isatty() and files % 50 == 0:
        print(f"\r{files:,} files, {size(done_bytes)}  ", end="", file=sys.stderr, flush=True)


def _show(copied: Copied, what: str) -> None:
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    for damage in copied.damaged:
        print(f"damaged: {plain(damage.path)} {plain(damage.what)}")
    damaged = f", {len(copied.damaged)} damaged" if copied.damaged else ", all as their manifests say"
    print(f"{copied.files:,} files, {size(copied.bytes)} {what}{damaged}")
