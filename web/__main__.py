"""python -m web: serves the application. Many waiting readers (streams, long polls) are fine: each holds a thread."""

import logging
import sys

import redis

from shared.api_keys import list_keys
from shared.errors import SchemaMismatch
from shared.jobs.store import JobStore
from shared.jobs.wakeup import require_broker
from shared.redis_url import RedisRefuses
from shared.settings import SettingsInvalid, load_settings
from shared.volume.schema import require_store
from shared.volume.volume import Volume
from web.server import Server


def main() -> None:
    try:
        settings = load_settings()
        settings.refuse_open_door()
    except SettingsInvalid as err:
        sys.exit(str(err))
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    store = JobStore.connect(settings)
    try:
        Volume(settings.data).ensure()
        require_store(store)
        require_broker(settings)
    except (SchemaMismatch, RedisRefuses) as err:
        sys.exit(err.message)
    except redis.RedisError as err:  # answered with 503 until it is there; the first job then asks again
        logging.warning("Redis is out of reach: %s", err)
    except OSError as err:
        sys.exit(f"the volume {settings.data} (TRAINYARD_DATA) cannot be written: {err.strerror}")
    finally:
        store.redis.close()
    if settings.login and not any(key.state() == "usable" for key in list_keys(Volume(settings.data))):
        logging.warning("nobody can sign in yet: make a key with `trainyard keys create --owner NAME --scope admin`")
    Server(settings).run()


if __name__ == "__main__":
    main()
