"""python -m worker.supervision.health, for container health checks: exit status 0 when a worker of this host is announced."""

import socket
import sys

import redis

from shared.jobs.store import JobStore
from shared.settings import load_settings


def main() -> int:
    store = JobStore.connect(load_settings())
    try:
        mine = [w for w in store.presence.workers() if w.host == socket.gethostname()]
    except redis.RedisError as err:
        print(f"Redis is out of reach: {err}", file=sys.stderr)
        return 1
    for worker in mine:
        print(f"{worker.id}: {worker.state} on {worker.device}")
    if not mine:
        print("no worker of this host is announced", file=sys.stderr)
    return 0 if mine else 1


if __name__ == "__main__":
    sys.exit(main())
