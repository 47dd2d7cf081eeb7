"""python -m web: serves the application with gunicorn's threads. Many waiting readers (SSE, long polls) hold one each."""

import ctypes
import logging
import signal
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

from shared.settings import Settings, SettingsInvalid, load_settings
from web.app import create_app

_GRACE_S = 10  # guess: what a short request needs; waiting readers reconnect by themselves


def _die_with_parent(_arbiter: Any, _worker: Any) -> None:
    """In the process that serves: end when the one that watches over it is killed, so that its port is free again."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class Server(BaseApplication):
    """Gunicorn configured in code."""

    def __init__(self, settings: Settings):
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": [f"{self._settings.host}:{self._settings.port}"],
            "worker_class": "gthread",
            "workers": 1,
            "threads": self._settings.web_threads,
            "timeout": 120,
            "graceful_timeout": _GRACE_S,
            "keepalive": 30,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": self._settings.log_level,
            "proc_name": "trainyard-web",
            "control_socket_disable": True,
            "post_fork": _die_with_parent,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self._settings)


def main() -> None:
    try:
        settings = load_settings()
    except SettingsInvalid as err:
        sys.exit(str(err))
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    Server(settings).run()


if __name__ == "__main__":
    main()
