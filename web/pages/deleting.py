"""What a page does when something that it lists is to be deleted."""

from collections.abc import Callable

from flask import redirect, url_for
from werkzeug.wrappers import Response

from shared.errors import Conflict, NotFound
from web.pages.reach import services
from web.services import Services


def delete_listed(delete: Callable[[Services, str], None], id: str, page: str) -> Response:
    """Delete it, and go to the page, which says so, or why not. What is gone already is no error."""
    try:
        delete(services(), id)
    except Conflict:
        return redirect(url_for(page, refused=id))
    except NotFound:
        pass
    return redirect(url_for(page, done="deleted"))
