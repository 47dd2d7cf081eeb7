"""What the views work with, made once by create_app and found through current_app.extensions["trainyard"]."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from shared.jobs.store import JobStore
from shared.settings import Settings
from shared.volume.volume import Volume
from web.rates import Rates
from web.seats import Seats


@dataclass(frozen=True)
class Services:
    """wake: sends one wake-up for a queue; a broker out of reach is logged, not raised. seats: for waiting readers.

    rates: how often an owner may come.
    """

    settings: Settings
    store: JobStore
    volume: Volume
    wake: Callable[[str], None]
    seats: Seats
    rates: Rates


def services() -> Services:
    """The services of the running application."""
    return current_app.extensions["trainyard"]
