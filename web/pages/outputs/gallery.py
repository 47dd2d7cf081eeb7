"""A page with all eight kinds of output, ordinary and odd: for who writes a recipe, and for the eyes of who changes the look."""

from flask import render_template

from web.pages.assets import static_url
from web.pages.outputs.gallery_data import PICTURES, SHOWN
from web.pages.reach import pages


@pages.get("/docs/outputs")
def outputs_gallery() -> str:
    """Show what outputs look like."""
    return render_template("gallery.html", shown=SHOWN, place=_place)


def _place(name: str) -> str:
    return static_url(f"gallery/{name}" if name in PICTURES else "mark.svg")
