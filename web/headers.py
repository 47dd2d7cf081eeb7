"""Response headers every answer carries."""

from flask import Response, request

from web.pages.guard import POLICY as PAGE_POLICY

# The API's answers are data; a browser shall neither run nor frame them.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
# The API's browsable documentation (web/docs_page.py): Swagger's script sets styles and shows pictures of its own.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_EVERYBODYS = ("/static/", "/assets/")  # the same for all; everything else is its owner's, and no proxy may keep it


def add_headers(response: Response) -> Response:
    """Set what is not set yet."""
    headers = response.headers
    if not request.path.startswith(_EVERYBODYS):
        response.cache_control.public = False  # Flask's send_file says so of whatever may be kept for a while
        if response.cache_control.max_age:
            response.cache_control.private = True
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.path.startswith("/openapi"):
        headers.setdefault("Content-Security-Policy", _DOCS_POLICY)
    elif response.mimetype == "text/html":
        headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        headers.setdefault("Cache-Control", "no-store")
    else:
        headers.setdefault("Content-Security-Policy", _DATA_POLICY)
    if not request.path.startswith(_EVERYBODYS):
        headers.setdefault("Cache-Control", "no-store" if response.status_code >= 400 else "no-cache")
    return response
