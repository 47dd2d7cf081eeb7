"""Numbers as they are typed on a command line; what is none is told in words."""

import argparse
import math


def whole(text: str) -> int:
    """For argparse: a whole number."""
    try:
        return int(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no whole number") from err


def amount(text: str) -> float:
    """For argparse: a number, also one with a fraction."""
    try:
        found = float(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is no number") from err
    if not math.isfinite(found):
        raise argparse.ArgumentTypeError(f"{text!r:.40} has no end: give a number")
    return found
