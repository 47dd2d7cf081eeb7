"""Rate limits by owner and, for refused keys, by address; counted in Redis by the library `limits`, over all web processes."""

import math
import time

from flask import Flask, g, request
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from shared import redis_url
from shared.errors import ClientError
from shared.jobs.keys import Keys
from shared.settings import Settings


class RateLimited(ClientError):
    """Too many requests. retry_after_s: when the next one may come."""

    status = 429
    code = "rate_limited"

    def __init__(self, message: str, retry_after_s: int):
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Rates:
    """The limits of one installation. Opens no connection by itself."""

    def __init__(self, settings: Settings):
        prefix = Keys(settings.key_prefix).rates()
        # limits reads a URL in a way of its own; the pool is made by redis-py's
        client = redis_url.client(settings.redis_url, socket_timeout=5, socket_connect_timeout=5)
        storage = RedisStorage("redis://", connection_pool=client.connection_pool, key_prefix=prefix)
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._changes = RateLimitItemPerMinute(settings.changes_per_minute)
        self._refusals = RateLimitItemPerMinute(settings.wrong_keys_per_minute)
        self._reads = RateLimitItemPerMinute(settings.reads_per_minute)

    def count(self, owner: str, *, change: bool) -> None:
        """Raises RateLimited beyond an owner's limit."""
        self._hit(self._changes if change else self._reads, "changes" if change else "reads", owner)

    def count_refusal(self, address: str) -> None:
        """Raises RateLimited when an address keeps coming with wrong keys."""
        self._hit(self._refusals, "wrong keys", address)

    def _hit(self, limit: RateLimitItem, kind: str, who: str) -> None:
        if not self._limiter.hit(limit, kind, who):
            wait_s = max(1, math.ceil(self._limiter.get_window_stats(limit, kind, who).reset_time - time.time()))
            raise RateLimited(f"more than {limit.amount:,} {kind} within a minute; wait {wait_s} s", wait_s)


def register(app: Flask, rates: Rates) -> None:
    """Count every request of those who had to say who they are."""

    @app.before_request
    def _count() -> None:
        who = g.get("identity")
        if who is not None and who.via != "local":
            rates.count(who.owner, change=request.method not in ("GET", "HEAD", "OPTIONS"))
