"""Files the pages load: our own, and Plotly's script out of the installed package, so that no other server is asked."""

import gzip
import hashlib
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from web.pages.reach import pages

_STATIC = Path(__file__).parent.parent / "static"
_YEAR_S = 365 * 86_400


@cache
def _fingerprint(name: str, changed_ns: int) -> str:
    return hashlib.sha256((_STATIC / name).read_bytes()).hexdigest()[:10]


def static_url(name: str) -> str:
    """Address of a file in web/static that changes with its content."""
    path = _STATIC / name
    return url_for("pages.static", filename=name, v=_fingerprint(name, path.stat().st_mtime_ns))


def plotly_url() -> str:
    return url_for("pages.plotly", release=version("plotly"))


@cache
def _plotly(packed: bool) -> bytes:
    """Plotly's script, as it is or packed; packing its 5 MB takes about 0.2 s, once per process."""
    body = (files("plotly") / "package_data" / "plotly.min.js").read_bytes()
    return gzip.compress(body, 6) if packed else body


@pages.get("/assets/plotly-<release>.js")
def plotly(release: str) -> BaseResponse:
    """Send Plotly's script; browsers keep it for a year, its address changes with its version."""
    if release != version("plotly"):
        return redirect(plotly_url())
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    response = Response(_plotly(packed), mimetype="text/javascript")
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
    return response


@pages.get("/favicon.ico")
def favicon() -> BaseResponse:
    return redirect(static_url("mark.svg"))


@pages.get("/docs")
def api_docs() -> BaseResponse:
    """Send to the browsable API documentation."""
    return redirect("/openapi/swagger")
