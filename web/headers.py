"""Response headers every answer carries. Pages add their own in web/pages/guard.py."""

from flask import Response, request

# The API's answers are data; a browser shall neither run nor frame them.
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
# Swagger's page, shipped in its package, has inline scripts and styles. It shows our own document and nothing of users'.
_DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def add_headers(response: Response) -> Response:
    """Set what is not set yet."""
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if request.path.startswith("/openapi"):
        headers.setdefault("Content-Security-Policy", _DOCS_POLICY)
    elif request.path.startswith("/api/"):
        headers.setdefault("Content-Security-Policy", _DATA_POLICY)
        headers.setdefault("Cache-Control", "no-store" if response.status_code >= 400 else "no-cache")
    return response
