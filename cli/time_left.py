"""When a job starts and ends, as the terminal says it, in its own time zone: the words are those of the pages."""

from datetime import datetime
from typing import Any

from shared.clock.estimate import Estimate
from shared.clock.words import standing_said, whole_said


def time_said(standing: dict[str, Any], state: str) -> list[str]:
    """Parts of a sentence; [] where there is nothing to say."""
    starts_in, eta = (_estimate(standing.get(name)) for name in ("starts_in", "eta"))
    return standing_said(state, starts_in, eta, standing.get("unknown") or "", datetime.now().astimezone())


def expected_said(eta: dict[str, Any] | None) -> str:
    """How long a job would take that is not submitted."""
    if eta is None:
        return "how long it takes is not yet known: no job like it has ended here"
    return f"takes {whole_said(Estimate.model_validate(eta), datetime.now().astimezone())} if it starts now"


def _estimate(told: dict[str, Any] | None) -> Estimate | None:
    return Estimate.model_validate(told) if told else None
