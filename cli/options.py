"""Options that several commands share."""

from __future__ import annotations

from datetime import timedelta

import typer

from shared.durations import parse_duration
from shared.rules_file.sizes import parse_size


def read_window(text: str) -> timedelta:
    """Return the length of time that `--window` names; refuses what cannot be read, with what to write."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--window") from None


def read_size(text: str) -> int:
    """Return a size that somebody typed, in bytes: `10240` or `10KB`. Raises ValueError with what to write."""
    return parse_size(int(text) if text.isdecimal() and text.isascii() else text)
