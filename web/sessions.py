"""Signed-in browsers: a random token in a cookie, its hash in Redis with the id of the API key it was opened with.

A session is worth what its key is worth: revoking the key ends it at once.
"""

import hashlib
import re
import secrets

from werkzeug.wrappers import Response

from shared.store import JobStore

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def cookie_name(secure: bool) -> str:
    """Over HTTPS the name binds the cookie to this very host (RFC 6265bis, section 4.1.3.2)."""
    return "__Host-trainyard" if secure else "trainyard"


def begin(store: JobStore, response: Response, key_id: str, ttl_s: int, *, secure: bool) -> None:
    """Open a session and give its token to the browser."""
    token = secrets.token_urlsafe(32)
    store.redis.set(_key(store, token), key_id, ex=ttl_s)
    response.set_cookie(
        cookie_name(secure), token, max_age=ttl_s, secure=secure, httponly=True, samesite="Lax", path="/"
    )


def find(store: JobStore, token: str, ttl_s: int) -> str | None:
    """Id of the key a token was opened with, None when there is no such session. Renews one half spent."""
    if not _TOKEN.fullmatch(token):
        return None
    key = _key(store, token)
    with store.redis.pipeline(transaction=False) as pipe:
        pipe.get(key)
        pipe.ttl(key)
        found, left_s = pipe.execute()
    if found and 0 <= left_s < ttl_s / 2:
        store.redis.expire(key, ttl_s)
    return found.decode() if isinstance(found, bytes) else found


def end(store: JobStore, response: Response, token: str, *, secure: bool) -> None:
    """Forget a session, here and in the browser."""
    if _TOKEN.fullmatch(token):
        store.redis.delete(_key(store, token))
    response.delete_cookie(cookie_name(secure), secure=secure, httponly=True, samesite="Lax", path="/")


def _key(store: JobStore, token: str) -> str:
    return store.keys.session(hashlib.sha256(token.encode()).hexdigest())
