"""For commands that work on the installation itself, not through its web server: its volume and its Redis."""

import argparse
import contextlib
from collections.abc import Iterator

from cli.connect import running_here
from cli.paths import folder
from cli.server import embedded_server
from cli.up import only_one
from shared.errors import NotFound
from shared.jobs.store import JobStore
from shared.settings import Settings, load_settings
from shared.volume.schema import require_store, require_volume
from shared.volume.volume import Volume


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=folder, metavar="DIR", help="the volume (default: TRAINYARD_DATA)")
    parser.add_argument(
        "--redis-url", metavar="URL", help="its Redis (default: TRAINYARD_REDIS_URL, or the one of `trainyard up`)"
    )


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings with --data and --redis-url in force. Raises SettingsInvalid."""
    given = {name: getattr(options, name) for name in ("data", "redis_url")}
    return load_settings(**{name: value for name, value in given.items() if value})


def refuse_unnamed(settings: Settings) -> None:
    """Raise NotFound where no volume is named and none is where `trainyard up` makes one: another folder than the service's."""
    if "data" not in settings.model_fields_set and not settings.data.exists():
        raise NotFound(
            f"there is no {settings.data} here, and no volume is named: give it by --data or TRAINYARD_DATA, or run this in the "
            "folder that the service was started in"
        )


@contextlib.contextmanager
def open_store(settings: Settings) -> Iterator[JobStore]:
    """The installation's store: of the Redis that is named, else of the stack that runs on the volume, else of the server
    `trainyard up` would start, for the length of a with block.

    Raises redis.RedisError when it is out of reach, ServerMissing, StackFailed, SchemaMismatch.
    """
    require_volume(Volume(settings.data))
    with contextlib.ExitStack() as stack:
        if "redis_url" not in settings.model_fields_set:
            url = running_here(settings.data).get("redis_url")
            if not url:
                stack.enter_context(only_one(settings.data))
                url = stack.enter_context(embedded_server(settings.data / "redis")).url
            settings = settings.model_copy(update={"redis_url": url})
        store = JobStore.connect(settings)
        stack.callback(store.redis.close)
        store.ping()
        require_store(store)
        yield store
