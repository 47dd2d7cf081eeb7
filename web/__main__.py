"""python -m web: serves the application. Many waiting readers (streams, long polls) are fine: each holds a thread."""

import logging
import sys

from shared.api_keys import list_keys
from shared.settings import SettingsInvalid, load_settings
from shared.volume.volume import Volume
from web.server import Server


def main() -> None:
    try:
        settings = load_settings()
        settings.refuse_open_door()
    except SettingsInvalid as err:
        sys.exit(str(err))
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        Volume(settings.data).ensure()
    except OSError as err:
        sys.exit(f"the volume {settings.data} (TRAINYARD_DATA) cannot be written: {err.strerror}")
    if settings.login and not any(key.state() == "usable" for key in list_keys(Volume(settings.data))):
        logging.warning("nobody can sign in yet: make a key with `trainyard keys create --owner NAME --scope admin`")
    Server(settings).run()


if __name__ == "__main__":
    main()
