"""What sender and receiver of a wake-up must agree on. A wake-up names a queue, never a job; its loss costs seconds.

Used by the web (sends), the worker (receives and sends) and the reaper (sends). Does not import Celery: each of them makes
its own Celery app and feeds it celery_config().
"""

from typing import Any

from shared import redis_url
from shared.jobs.keys import Keys
from shared.settings import Settings

TASK_NAME = "trainyard.wake"  # args: [queue]; sent to the broker queue of the same name


def celery_config(settings: Settings) -> dict[str, Any]:
    """Return what every Celery app of an installation is configured with.

    kombu's defaults let a command on a half-open connection wait for ever; here a dead link is noticed within seconds.
    """
    place = redis_url.for_celery(settings.celery_url)
    return {
        "broker_url": place["broker_url"],
        "broker_use_ssl": place["broker_use_ssl"],
        "broker_connection_timeout": 3,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "global_keyprefix": Keys(settings.key_prefix).broker(),
            "socket_timeout": 5,
            "socket_connect_timeout": 3,
            "socket_keepalive": True,
            "health_check_interval": 10,
            # a sender tries twice, then leaves it to the reaper; kombu's own 100 tries took 6 s (measured)
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0.1,
            "interval_max": 0.1,
        }
        | place["broker_transport_options"],
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_create_missing_queues": True,
        "task_publish_retry": False,  # the reaper sends what is lost
        "task_acks_late": False,  # see docs/architecture.md: the lease does the work that late acks promise
    }


def require_broker(settings: Settings) -> None:
    """Raise RedisRefuses when a Redis of the broker's own will not have us. Raises redis.RedisError when it is out of reach."""
    if settings.broker_url:
        redis_url.knock(settings.broker_url, "broker_url")


def broker_list(settings: Settings, queue: str) -> str:
    """Name of the Redis list that holds a queue's wake-ups."""
    return f"{Keys(settings.key_prefix).broker()}{queue}"
