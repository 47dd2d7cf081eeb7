"""/healthz, /readyz for probes; /metrics for Prometheus. Outside /api/v1."""

import logging
import os
import tempfile
from collections.abc import Iterator

import redis
from flask import Response, jsonify
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from shared.errors import Problem
from shared.jobs.queues import queues as read_queues
from shared.volume.staging import STAGING_PREFIX
from web.api.common import Reply, resource
from web.api.shapes import Health
from web.problems import answer
from web.services import Services, services

log = logging.getLogger(__name__)

blueprint = resource("health", "For probes and monitoring.", prefix="")


@blueprint.get("/healthz", summary="Is the process alive?", responses={"200": Health})
def healthz() -> Reply:
    return jsonify({"status": "ok"})


@blueprint.get("/readyz", summary="Can it do its work?", responses={"200": Health})
def readyz() -> Reply:
    here = services()
    problems = []
    try:
        here.store.ping()
    except redis.RedisError as err:
        log.warning("not ready: Redis cannot be reached: %s", err)
        problems.append(Problem(field="redis", message="cannot be reached"))
    try:
        with tempfile.TemporaryFile(dir=here.volume.root, prefix=STAGING_PREFIX) as probe:
            probe.write(b"x")
            os.fsync(probe.fileno())
    except OSError as err:
        log.warning("not ready: the volume cannot be written: %s", err)
        problems.append(Problem(field="volume", message=f"cannot be written: {err.strerror}"))
    if problems:
        detail = "; ".join(f"{p.field} {p.message}" for p in problems)
        return answer(503, "unavailable", detail, problems, {"Retry-After": "5"})
    return jsonify({"status": "ok"})


class _Collector:
    """Reads the store at each scrape: numbers are the installation's, the same from every web replica."""

    def __init__(self, here: Services):
        self._here = here

    def collect(self) -> Iterator[GaugeMetricFamily]:
        store = self._here.store
        jobs = GaugeMetricFamily("trainyard_jobs", "Jobs by state.", labels=["state"])
        for state, count in store.counts().items():
            jobs.add_metric([state], count)
        yield jobs
        alive = store.presence.workers()
        ready = GaugeMetricFamily("trainyard_queue_ready", "Jobs that can be claimed now.", labels=["queue"])
        running = GaugeMetricFamily("trainyard_queue_running", "Running jobs.", labels=["queue"])
        wait = GaugeMetricFamily(
            "trainyard_queue_oldest_wait_seconds", "Age of the longest waiting job.", labels=["queue"]
        )
        serving = GaugeMetricFamily("trainyard_queue_workers", "Live workers that serve the queue.", labels=["queue"])
        for queue in read_queues(store, alive):
            ready.add_metric([queue.name], queue.ready)
            running.add_metric([queue.name], queue.running)
            wait.add_metric([queue.name], queue.oldest_wait_s or 0)
            serving.add_metric([queue.name], len(queue.workers))
        yield from (ready, running, wait, serving)
        by_state = GaugeMetricFamily("trainyard_workers", "Live workers by state.", labels=["state"])
        for state in sorted({w.state for w in alive}):
            by_state.add_metric([state], sum(w.state == state for w in alive))
        yield by_state


@blueprint.get(
    "/metrics",
    summary="Prometheus metrics",
    responses={"200": {"description": "Text exposition format", "content": {"text/plain": {}}}},
)
def metrics() -> Reply:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(services()))  # type: ignore[arg-type]
    return Response(generate_latest(registry), mimetype="text/plain; version=0.0.4; charset=utf-8")
