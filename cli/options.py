"""Options that several commands share."""

from __future__ import annotations

from datetime import timedelta

import typer

from shared.durations import parse_duration


def read_window(text: str) -> timedelta:
    """Return the length of time that `--window` names; refuses what cannot be read, with what to write."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--window") from None
