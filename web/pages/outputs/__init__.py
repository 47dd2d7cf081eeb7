"""How the pages show outputs (shared/outputs.py): one macro per kind in templates/outputs.html.

    shown.py         what a macro needs besides the output itself: groups of alike ones, bars, tints, cells
    drawing.py       boxes over their picture
    plot.py          the geometry of a series
    places.py        where the files that outputs name are found
    gallery.py       a page with all eight kinds, ordinary and odd; gallery_data.py has them

Nothing here reads a store or knows a recipe.
"""

from web.pages.outputs import shown
from web.pages.outputs.drawing import drawn, hues
from web.pages.outputs.plot import plot

FILTERS = {
    "grouped": shown.grouped,
    "pieces": shown.pieces,
    "bars": shown.bars,
    "cells": shown.cells,
    "drawn": drawn,
    "hues": hues,
    "covered": shown.covered,
    "tinted": shown.tinted,
    "plot": plot,
}
