"""What pages may load, and what every form post must show: proof that it comes from this site."""

from urllib.parse import urlsplit

from flask import Request, g

from shared.errors import ClientError

# Scripts and styles come from this server's files alone; web/headers.py sends it. Plotly sets styles through the DOM,
# which style-src allows; its own rules are in static/plotly.css, and the elements it looks for before injecting a <style>
# are in the page.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


class CrossSitePost(ClientError):
    """A form was sent from another site's page."""

    status = 403
    code = "cross_site_post"


def refuse_cross_site(request: Request) -> None:
    """Raise CrossSitePost when a browser says that another site's page made it send this change.

    Browsers say so by Sec-Fetch-Site or, older ones, by Origin. A client that sends neither is no browser and carries no
    visitor's rights; with a session's cookie it is refused, as every browser that keeps one sends at least Origin.
    Source: the algorithm of Go's net/http.CrossOriginProtection (Filippo Valsorda, 2025).
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    who = g.get("identity")
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        same = site in ("same-origin", "none")
    else:
        origin = request.headers.get("Origin")
        signed_in = who is not None and who.via == "session"
        same = _host_of(origin) == request.host if origin else not signed_in
    if not same:
        raise CrossSitePost("this form was sent from another site; open the page here and send it again")


def _host_of(origin: str) -> str | None:
    """Host and port of an Origin; None where it is no URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
