"""Signed-in browsers: a random token in a cookie, its hash in Redis with the id of the API key it was opened with.

A session is worth what its key is worth: revoking the key ends it at once. Use renews it, in Redis and in the browser, but
not for ever.
"""

import hashlib
import re
import secrets
import time
from typing import NamedTuple

from werkzeug.wrappers import Response

from shared.jobs.store import JobStore

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST_LIVES = 4  # a session ends after so many times session_ttl_s, however much it is used; a guess


class Session(NamedTuple):
    """key_id: the key it was opened with. token_hash: its name in Redis. renewed_s: how long the browser is to keep its
    cookie from now on; 0: as it knows already."""

    key_id: str
    token_hash: str
    renewed_s: int = 0


def cookie_name(secure: bool) -> str:
    """Over HTTPS the name binds the cookie to this very host (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-trainyard" if secure else "trainyard"


def begin(store: JobStore, response: Response, key_id: str, ttl_s: int, *, secure: bool) -> None:
    """Open a session and give its token to the browser."""
    token = secrets.token_urlsafe(32)
    ends_at = int(time.time()) + _MOST_LIVES * ttl_s
    store.redis.set(store.keys.session(_hash(token)), f"{key_id} {ends_at}", ex=ttl_s)
    send(response, token, ttl_s, secure=secure)


def send(response: Response, token: str, keep_s: int, *, secure: bool) -> None:
    """Have the browser keep a token for so long."""
    response.set_cookie(
        cookie_name(secure), token, max_age=keep_s, secure=secure, httponly=True, samesite="Lax", path="/"
    )


def find(store: JobStore, token: str, ttl_s: int, *, renew: bool = True) -> Session | None:
    """The session of a token, None when there is none. Renews one half spent, up to its end."""
    if not _TOKEN.fullmatch(token):
        return None
    key = store.keys.session(_hash(token))
    with store.redis.pipeline(transaction=False) as pipe:
        pipe.get(key)
        pipe.ttl(key)
        found, left_s = pipe.execute()
    key_id, _, ends_at = (found.decode() if isinstance(found, bytes) else found or "").partition(" ")
    if not ends_at:
        return None
    longest_s = min(ttl_s, int(ends_at) - int(time.time()))
    if longest_s <= 0:
        return None
    if not (renew and 0 <= left_s < min(ttl_s / 2, longest_s)):
        return Session(key_id, _hash(token))
    store.redis.expire(key, longest_s)
    return Session(key_id, _hash(token), longest_s)


def alive(store: JobStore, token_hash: str) -> bool:
    """False once the browser has signed out, or the session has ended by itself."""
    return bool(store.redis.exists(store.keys.session(token_hash)))


def end(store: JobStore, response: Response, token: str, *, secure: bool) -> None:
    """Forget a session, here and in the browser."""
    if _TOKEN.fullmatch(token):
        store.redis.delete(store.keys.session(_hash(token)))
    response.delete_cookie(cookie_name(secure), secure=secure, httponly=True, samesite="Lax", path="/")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
