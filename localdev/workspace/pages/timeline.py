"""When the attempts of a run ran: bars in per cent of the run's time, so that they fit any width."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from localdev.workspace.model.run import Attempt, Run

_LEAST_SHARE = 0.8  # per cent: what a bar needs to be seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A bar: where it begins and how wide it is, in per cent."""

    start: float
    width: float


def stretch_of(run: Run, attempt: Attempt, now: datetime) -> Stretch | None:
    """Return an attempt's bar, None while it has not started; what runs still runs until now."""
    if attempt.started_at is None:
        return None
    begin, whole = _begin(run), max((run.ended_at or now) - _begin(run), timedelta(milliseconds=1))
    start = _share(attempt.started_at - begin, whole)
    end = _share((attempt.ended_at or run.ended_at or now) - begin, whole)
    width = max(end - start, _LEAST_SHARE)
    return Stretch(start=round(min(start, 100 - width), 2), width=round(width, 2))


def _begin(run: Run) -> datetime:
    """Return when a run could begin: a day in the queue would leave its tasks no width."""
    return run.admitted_at or run.created_at


def _share(span: timedelta, whole: timedelta) -> float:
    return min(100.0, max(0.0, 100 * (span / whole)))
