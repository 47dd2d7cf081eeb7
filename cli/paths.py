"""Paths as they are typed: a ~ that the shell has left (in quotes, behind ROLE= or @) is this user's home."""

import argparse
import os
from pathlib import Path


def home(text: str) -> Path:
    """A path with its ~ expanded; as it stands where there is no such user."""
    return Path(os.path.expanduser(text))


def folder(text: str) -> Path:
    """For argparse: a folder. An empty one is refused, or the folder one happens to be in would be filled."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty: give the path of a folder")
    return home(text)
