"""The page of API keys: an admin makes and revokes all, everybody else sees and revokes their own."""

from typing import Any

from flask import redirect, render_template, request, url_for
from pydantic import ValidationError
from werkzeug.wrappers import Response

from shared.api_keys import SCOPES, list_keys
from shared.errors import ClientError, Problem
from web.api.api_keys import KeyBody, make_key, revoke
from web.identity import identity
from web.pages.reach import pages, settings, volume
from web.problems import from_validation


@pages.get("/keys")
def api_keys(problems: list[Problem] | None = None, values: dict[str, Any] | None = None, made: str = "") -> str:
    """Show keys; made: the text of a new one, which is shown this once."""
    who = identity()
    return render_template(
        "keys.html",
        active="keys",
        keys=list_keys(volume(), None if who.sees_all else who.owner),
        login=settings().login,
        scopes=SCOPES,
        values=values or {},
        problems=problems or [],
        made=made,
        notice={"revoked": "The key is revoked; it is refused from now on."}.get(request.args.get("done", "")),
    )


@pages.post("/keys")
def add_api_key() -> str | tuple[str, int]:
    """Make a key and show it, once."""
    values = {name: request.form.get(name, "").strip() for name in ("owner", "scope", "name")}
    days = request.form.get("days", "").strip()
    try:
        body = KeyBody.model_validate(values | ({"expires_in_days": days} if days else {}))
        _, text = make_key(body)
    except ValidationError as err:
        return api_keys(from_validation(err).problems, values | {"days": days}), 422
    except ClientError as err:
        problems = err.problems or [Problem(field="", message=err.message)]
        return api_keys(problems, values | {"days": days}), err.status
    return api_keys(made=text)


@pages.post("/keys/<key_id>/revoke")
def revoke_api_key(key_id: str) -> Response:
    """Refuse a key from now on."""
    revoke(key_id)
    return redirect(url_for("pages.api_keys", done="revoked"))
