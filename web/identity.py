"""Who is asking: the owner and scope of the current request, from an API key, a session, or this machine's own user.

Every request passes before_request here; only what begins with one of _OPEN is open to everybody.
"""

from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from flask import Flask, Response, g, redirect, request, url_for

from shared.api_keys import SCOPES, ApiKey, Scope, find_key, read_key
from shared.errors import ClientError
from web import areas, sessions
from web.services import Services, services

LOCAL_OWNER = "local"  # of all there is while nobody has to say who they are

# Reached without saying who one is: probes, signing in and what its page is made of, the documentation of the API.
_OPEN = ("/healthz", "/readyz", "/sign-in", "/static/", "/openapi")
_LOCAL_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass(frozen=True)
class Identity:
    """via: "local" without a login, "key" for an API key in a header, "session" for a signed-in browser."""

    owner: str
    scope: Scope
    via: Literal["local", "key", "session"]
    key_id: str = ""
    session: str = field(default="", repr=False)  # hash of the browser's token

    def may(self, scope: Scope) -> bool:
        return SCOPES.index(self.scope) >= SCOPES.index(scope)

    @property
    def sees_all(self) -> bool:
        return self.scope == "admin"


class Unauthenticated(ClientError):
    """Nobody said who they are, or not so that it can be believed."""

    status = 401
    code = "unauthenticated"


class Forbidden(ClientError):
    """Known, but not allowed to do this."""

    status = 403
    code = "forbidden"


class WrongHost(ClientError):
    """Reached by a name that is not ours: another site's page may have made it point here (DNS rebinding)."""

    status = 421
    code = "wrong_host"


def identity() -> Identity:
    """Who makes the current request. Raises Unauthenticated where nobody is known."""
    found = g.get("identity")
    if found is None:
        raise Unauthenticated("send an API key as `Authorization: Bearer ty_...`, or sign in")
    return found


def current_owner() -> str:
    """The owner of what the current request submits or uploads."""
    return identity().owner


def require(scope: Scope) -> None:
    """Raise Forbidden unless the current identity's scope reaches that far."""
    who = identity()
    if not who.may(scope):
        raise Forbidden(f"this needs the scope {scope}; the key {who.key_id} of {who.owner} has {who.scope}")


def still_valid(here: Services, who: Identity) -> bool:
    """False once the key has been revoked or has expired, or the browser has signed out: for answers that take long."""
    if who.via == "local":
        return True
    if who.via == "session" and not sessions.alive(here.store, who.session):
        return False
    key = read_key(here.volume, who.key_id)
    return key is not None and key.state() == "usable"


def register(app: Flask) -> None:
    """Identify every request before anything else looks at it."""
    app.before_request(_identify)
    app.after_request(_renew_cookie)
    app.context_processor(lambda: {"me": g.get("identity")})


def _identify() -> Any:
    here = services()
    _check_host(here.settings.hosts, here.settings.login)
    if not here.settings.login:
        g.identity = Identity(LOCAL_OWNER, "admin", "local")
        return None
    g.identity = _from_header() or _from_session()
    if request.path.startswith(_OPEN):
        return None
    if g.identity is None:
        if areas.is_page(request.path) and request.method in ("GET", "HEAD"):
            return redirect(url_for("pages.sign_in_form", next=request.full_path.rstrip("?")))
        identity()
    if request.method not in ("GET", "HEAD", "OPTIONS") and request.endpoint != "pages.sign_out":
        require("submit")
    return None


def _check_host(names: tuple[str, ...], login: bool) -> None:
    """Without a login the browser of this machine is the key: it must not be borrowed by a name that points here."""
    if login and not names:
        return
    name = _name_of(request.host)
    if name not in _LOCAL_NAMES and name not in names:
        raise WrongHost(
            f"no service is known as {name!r:.80} here; TRAINYARD_HOSTS lists the names it may be reached by"
        )


def _name_of(host: str) -> str:
    """The host without its port; "" where it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _from_header() -> Identity | None:
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if not kind:
        return None
    key = find_key(services().volume, text.strip()) if kind.lower() == "bearer" else None
    if key is None:
        services().rates.count_refusal(request.remote_addr or "")
        raise Unauthenticated("the API key in the header Authorization is unknown, expired or revoked")
    return _identity(key, "key")


def _from_session() -> Identity | None:
    """The browser's identity. Its changes must show that they come from this site's own pages (web/pages/guard.py)."""
    here = services()
    token = request.cookies.get(sessions.cookie_name(request.is_secure), "")
    if not token:
        return None
    shared_file = request.path.startswith("/static/")  # its answer may be kept by caches: no place for a cookie
    found = sessions.find(here.store, token, here.settings.session_ttl_s, renew=not shared_file)
    key = read_key(here.volume, found.key_id) if found else None
    if found is None or key is None or key.state() != "usable":
        return None
    if found.renewed_s:
        g.renewed = (token, found.renewed_s)
    return _identity(key, "session", found.token_hash)


def _renew_cookie(response: Response) -> Response:
    """A session that goes on in Redis goes on in the browser, too."""
    if "renewed" in g and "Set-Cookie" not in response.headers:
        token, keep_s = g.renewed
        sessions.send(response, token, keep_s, secure=request.is_secure)
    return response


def _identity(key: ApiKey, via: Literal["key", "session"], session: str = "") -> Identity:
    return Identity(key.owner, key.scope, via, key.id, session)
