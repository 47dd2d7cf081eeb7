"""python -m worker: the worker, as the settings say, without Celery's own traffic between workers."""

from worker.app import app, settings

app.worker_main(
    [
        "--quiet",  # no banner
        "worker",
        f"--queues={','.join(settings.queues)}",
        f"--loglevel={settings.log_level}",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
)
