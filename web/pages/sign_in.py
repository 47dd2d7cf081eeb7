"""Signing a browser in with an API key, and out again."""

from urllib.parse import urlsplit

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from shared.api_keys import find_key
from shared.errors import Problem
from web import sessions
from web.pages.reach import pages, services, settings, store, volume


@pages.get("/sign-in")
def sign_in_form(problems: list[Problem] | None = None) -> str:
    """Ask for a key."""
    after = request.values.get("next", "")
    return render_template("sign_in.html", problems=problems or [], next=after, login=settings().login)


@pages.post("/sign-in")
def sign_in() -> Response | tuple[str, int]:
    """Open a session and go on where the browser was sent here from."""
    key = find_key(volume(), request.form.get("key", "").strip())
    if key is None:
        services().rates.count_refusal(request.remote_addr or "")
        said = "This key is unknown, expired or revoked. A key looks like ty_…; whoever runs this service makes them."
        return sign_in_form([Problem(field="", message=said)]), 401
    services().rates.count(key.owner, change=True)
    response = redirect(_within(request.form.get("next", "")))
    sessions.begin(store(), response, key.id, settings().session_ttl_s, secure=request.is_secure)
    return response


@pages.post("/sign-out")
def sign_out() -> Response:
    """End the session."""
    response = redirect(url_for("pages.sign_in_form"))
    token = request.cookies.get(sessions.cookie_name(request.is_secure), "")
    sessions.end(store(), response, token, secure=request.is_secure)
    return response


def _within(target: str) -> str:
    """A path of this site, whatever was asked for: nobody is sent elsewhere after signing in."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return url_for("pages.jobs")
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain and not parts.scheme and not parts.netloc and "\\" not in target else url_for("pages.jobs")
