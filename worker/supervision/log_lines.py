"""Tells the story of an attempt in its log, from the messages that pass: phases, steps, checkpoints, notes."""

from collections.abc import Callable
from typing import Any

_STEP_LINE_S = 10.0  # between two lines about steps


class Narrator:
    """say: takes one line. Times are passed in."""

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self._phases: set[str] = set()  # told once; training and evaluating may alternate many times a second
        self._told_at = float("-inf")

    def take(self, message: dict[str, Any], now: float) -> None:
        """Write a line about a message of the process, or none."""
        match message["ev"]:
            case "progress" if message["phase"] not in self._phases or now - self._told_at >= _STEP_LINE_S:
                self._phases.add(message["phase"])
                self._told_at = now
                self._say(_describe_progress(message))
            case "checkpoint":
                size = message["data"].get("bytes")
                self._say(f"checkpoint at step {message['step']}" + (f", {size:,} bytes" if size else ""))
            case "event" if message["type"] == "note":
                self._say(f"{message['data'].get('level', 'info')}: {message['data'].get('message', '')}")
            case "done" | "interrupted":
                self._say(message["ev"])


def _describe_progress(progress: dict[str, Any]) -> str:
    """One line: "training: step 200 of 1000, loss 1.92, 88.1 steps/s"."""
    parts = []
    if progress["step"]:
        parts.append(f"step {progress['step']}" + (f" of {progress['total_steps']}" if progress["total_steps"] else ""))
    parts += [f"{name} {value:.4g}" for name, value in progress["metrics"].items()]
    if progress["steps_per_s"]:
        parts.append(f"{progress['steps_per_s']:.1f} steps/s")
    return progress["phase"] + (": " + ", ".join(parts) if parts else "")
