"""Sends wake-ups and counts those that wait. Used by the supervisor and the reaper; the web has a sender of its own."""

import logging

import redis
from celery import Celery
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared import redis_url
from shared.jobs.wakeup import TASK_NAME, broker_list
from shared.settings import Settings

log = logging.getLogger(__name__)


class WakeUps:
    """One per process, opened after any fork."""

    def __init__(self, app: Celery, settings: Settings):
        self._app, self._settings = app, settings
        once = Retry(NoBackoff(), 0)  # redis-py's own patience is seconds long; here the next pass comes anyway
        self._broker = redis_url.client(settings.celery_url, socket_timeout=3, socket_connect_timeout=3, retry=once)

    def send(self, queue: str) -> bool:
        """Send one. A failure is logged and returned, not raised: the reaper sends what is missing."""
        try:
            self._app.send_task(TASK_NAME, args=[queue], queue=queue)
        except (OperationalError, redis.RedisError, OSError) as err:
            log.warning("wake-up for %s not sent: %s", queue, err)
            return False
        return True

    def waiting(self, queue: str) -> int:
        """How many wait in the broker. Raises redis.RedisError."""
        return int(self._broker.llen(broker_list(self._settings, queue)))  # type: ignore[arg-type]
