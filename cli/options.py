"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime, timedelta

import typer

from shared.durations import parse_duration
from shared.moments import parse_moment
from shared.rules_file.sizes import parse_size


def read_window(text: str) -> timedelta:
    """Return the length of time that `--window` names; refuses what cannot be read, with what to write."""
    return read_length(text, "--window")


def read_length(text: str, option: str) -> timedelta:
    """Return the length of time that an option names; refuses what cannot be read, with what to write."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def read_moment(text: str, now: datetime, option: str) -> datetime | None:
    """Return the moment that an option names, None where it is not given; refuses what cannot be read."""
    try:
        return parse_moment(text, now) if text else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def read_size(text: str) -> int:
    """Return a size that somebody typed, in bytes: `10240` or `10KB`. Raises ValueError with what to write."""
    return parse_size(int(text) if text.isdecimal() and text.isascii() else text)
