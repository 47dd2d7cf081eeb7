"""The one Celery task. A thin shell: everything is in worker/supervision/supervisor.py."""

from celery import shared_task

from shared.jobs.job import QUEUES
from shared.jobs.wakeup import TASK_NAME
from worker.supervision.supervisor import Supervisor

supervisor: Supervisor | None = None  # set in the Celery child by worker/app.py


@shared_task(name=TASK_NAME, ignore_result=True)
def wake(queue: str) -> None:
    """Claim and run at most one job of a queue. Losing or doubling this message costs nothing but time."""
    if queue not in QUEUES or supervisor is None:
        raise ValueError(f"a wake-up for {queue!r:.60} cannot be meant for this worker")
    supervisor.run_one(queue)
