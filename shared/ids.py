"""Identifiers that sort by the time they were made. Used for jobs, models and uploads."""

import re
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
ID_PATTERN = re.compile(r"[0-9a-hjkmnp-tv-z]{26}")


def new_id(now_ms: int | None = None) -> str:
    """Return 26 characters: 48 bits of UTC milliseconds, then 80 random bits (the ULID layout)."""
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    number = (now_ms << 80) | secrets.randbits(80)
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_id(text: str) -> bool:
    """True for a well-formed identifier: safe as a path component and as part of a key."""
    return ID_PATTERN.fullmatch(text) is not None
