"""Round trips of a no-op task through Celery alone, for comparison with the whole path of a job."""

import contextlib
import os
import subprocess
import sys
import time

from celery import Celery

URL = os.environ.get("BARE_CELERY_URL", "redis://127.0.0.1:6379/14")
app = Celery("bare", broker=URL, backend=URL)
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)


@app.task
def nothing() -> None:
    """Do nothing."""


def round_trips(redis_url: str, count: int) -> list[float]:
    """Seconds of `count` round trips, one after another, through a prefork worker with one process."""
    url = redis_url.rpartition("/")[0] + "/14"
    command = [sys.executable, "-m", "celery", "-A", "benchmarks.bare_celery", "worker", "-c", "1", "-l", "error"]
    worker = subprocess.Popen(command, env=os.environ | {"BARE_CELERY_URL": url}, stderr=subprocess.DEVNULL)
    try:
        app.conf.update(broker_url=url, result_backend=url)
        task = Celery("caller", broker=url, backend=url).signature("benchmarks.bare_celery.nothing")
        task.delay().get(timeout=60)  # until the worker is up
        times = []
        for _ in range(count):
            began = time.perf_counter()
            task.delay().get(timeout=10)
            times.append(time.perf_counter() - began)
        return times
    finally:
        worker.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(10)
        worker.kill()
