"""How states look: a colour, a sign for whoever does not see colours, and words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from localdev.workspace.model.run import Outcome, Phase


class Tone(StrEnum):
    """The colours of states; the style sheet has a class for each."""

    GOOD = "good"
    BAD = "bad"
    LATE = "late"
    STOPPED = "stopped"
    SKIPPED = "skipped"
    BUSY = "busy"
    WAITING = "waiting"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How one state is shown."""

    tone: Tone
    sign: str
    words: str


NOT_STARTED = Look(tone=Tone.WAITING, sign="·", words="not in this run")
_ACTIVE = {
    Phase.QUEUED: Look(tone=Tone.WAITING, sign="…", words="queued"),
    Phase.BLOCKED: Look(tone=Tone.WAITING, sign="…", words="blocked"),
    Phase.WAITING_FOR_RETRY: Look(tone=Tone.WAITING, sign="↻", words="waiting to retry"),
    Phase.PENDING: Look(tone=Tone.WAITING, sign="…", words="pending"),
    Phase.RUNNING: Look(tone=Tone.BUSY, sign="▶", words="running"),
    Phase.TERMINATING: Look(tone=Tone.BUSY, sign="▶", words="terminating"),
}
_ENDED = {
    "SUCCESS": Look(tone=Tone.GOOD, sign="✓", words="succeeded"),
    "SUCCESS_WITH_FAILURES": Look(tone=Tone.GOOD, sign="✓", words="succeeded with failures"),
    "FAILED": Look(tone=Tone.BAD, sign="✕", words="failed"),
    "TIMEDOUT": Look(tone=Tone.LATE, sign="!", words="timed out"),
    "CANCELED": Look(tone=Tone.STOPPED, sign="■", words="canceled"),
    "UPSTREAM_FAILED": Look(tone=Tone.SKIPPED, sign="-", words="upstream failed"),
    "UPSTREAM_CANCELED": Look(tone=Tone.SKIPPED, sign="-", words="upstream canceled"),
    "EXCLUDED": Look(tone=Tone.SKIPPED, sign="-", words="excluded"),
    "DISABLED": Look(tone=Tone.SKIPPED, sign="-", words="disabled"),
    "MAXIMUM_CONCURRENT_RUNS_REACHED": Look(tone=Tone.SKIPPED, sign="-", words="skipped"),
}


def look_of(phase: Phase, outcome: Outcome | None) -> Look:
    """Return how a run or an attempt is shown; a result that is new to us is shown under its own name."""
    if outcome is None:
        return _ACTIVE.get(phase, Look(tone=Tone.WAITING, sign="·", words=phase.value.lower()))
    if outcome.result_state is None:
        return Look(tone=Tone.SKIPPED, sign="-", words=outcome.life_cycle_state.lower())
    return look_of_result(outcome.result_state)


def look_of_result(result_state: str) -> Look:
    """Return how a `result_state` is shown."""
    unknown = Look(tone=Tone.SKIPPED, sign="·", words=result_state.lower().replace("_", " "))
    return _ENDED.get(result_state, unknown)
