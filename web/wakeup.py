"""Sends wake-ups through Celery by name. Imports no task: what a worker does with one is the worker's business."""

import logging
from collections.abc import Callable

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from shared.jobs.wakeup import TASK_NAME, celery_config
from shared.settings import Settings

log = logging.getLogger(__name__)


def make_waker(settings: Settings) -> Callable[[str], None]:
    """Return send(queue). A broker out of reach costs the caller a moment and no error: the reaper sends what is missing."""
    app = Celery("trainyard-web", set_as_current=False)
    app.conf.update(celery_config(settings))

    def wake(queue: str) -> None:
        try:
            app.send_task(TASK_NAME, args=[queue], queue=queue)
        except (OperationalError, redis.RedisError, OSError) as err:
            log.warning("wake-up for %s not sent: %s", queue, err)

    return wake
