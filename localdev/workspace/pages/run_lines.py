"""A run as a line of a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from localdev.workspace.pages.looks import Look, look_of
from localdev.workspace.pages.spans import between
from localdev.workspace.storage.run_history import PastRun


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLine:
    """A run in a list."""

    run: PastRun
    look: Look
    span: timedelta | None  # until now while it is active
    message: str


def line_of(run: PastRun, now: datetime) -> RunLine:
    """Return a run as a line of a list."""
    return RunLine(
        run=run,
        look=look_of(run.phase, run.outcome),
        span=between(run.created_at, run.ended_at or now),
        message=run.outcome.message if run.outcome else "",
    )
