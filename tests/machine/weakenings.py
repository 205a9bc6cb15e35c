"""Copies of the service with one rule weakened: machines that do not see them are blind."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared import dispatch
from shared.clock import Deadline
from shared.errors import JobsError, JobsUnknown, LandfallError
from shared.intake import Intake
from shared.ledger import Claim, Standing, entries, judgement
from shared.ledger.table import Operation, Put
from shared.model import Arrival, Entry, Result, Run, State
from shared.prune import Pruner
from shared.run_answers import unstarted
from shared.settle import Settler
from shared.sweep import conclusion, known, view
from shared.versions import Comparison, Head, compare

Weaken = Callable[[pytest.MonkeyPatch], None]


def _token_of_each_attempt(patch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()
    patch.setattr(dispatch, "run_token", lambda *_: f"{next(numbers):064x}")


def _marker_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    original = entries._move_operations

    def without(entry: Entry, moved: Entry) -> list[Operation]:
        return [step for step in original(entry, moved) if not (isinstance(step, Put) and step.key.startswith("Q|"))]

    patch.setattr(entries, "_move_operations", without)


def _touch_runs(patch: pytest.MonkeyPatch) -> None:
    def without(head: Head, arrival: Arrival) -> Comparison:
        found = compare(head, arrival)
        return Comparison.NEW if found is Comparison.TOUCHED else found

    patch.setattr(judgement, "compare", without)


def _baseline_is_ignored(patch: pytest.MonkeyPatch) -> None:
    original = view.since_of

    def without(rules: Sequence[str], standings: Mapping[str, Standing], *rest: Any) -> dict[str, datetime]:
        ancient = datetime.min.replace(tzinfo=UTC)
        return original(rules, {name: replace(one, baseline=ancient) for name, one in standings.items()}, *rest)

    patch.setattr(view, "since_of", without)


def _generation_grows_on_a_time_out(patch: pytest.MonkeyPatch) -> None:
    original = unstarted

    def with_growth(entry: Entry, error: JobsError, *rest: Any, **named: Any) -> dict[str, object]:
        changes = original(entry, error, *rest, **named)
        if isinstance(error, JobsUnknown):
            changes |= {"generation": entry.generation + 1, "request": None, "state": State.PENDING}
        return changes

    patch.setattr(dispatch, "unstarted", with_growth)


def _prune_looks_at_age_only(patch: pytest.MonkeyPatch) -> None:
    original = Pruner._remove_old
    never = datetime.max.replace(tzinfo=UTC)

    async def without(self: Pruner, standing: Standing, *rest: Any, **named: Any) -> bool:
        return await original(self, replace(standing, low_watermark=never), *rest, **named)

    patch.setattr(Pruner, "_remove_old", without)


def _late_events_run_unseen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(dispatch, "may_have_changed", lambda *_: False)


def _watermark_is_ahead(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(conclusion, "OVERLAP", timedelta(minutes=-20))


def _answered_before_it_is_claimed(patch: pytest.MonkeyPatch) -> None:
    original = Intake.receive

    async def without(self: Intake, body: str, deadline: Deadline) -> list[Claim]:
        try:
            return await original(self, body, deadline)
        except LandfallError:
            return []

    patch.setattr(Intake, "receive", without)


def _skipped_run_is_a_failure(patch: pytest.MonkeyPatch) -> None:
    async def closed(self: Settler, entry: Entry, run: Run) -> Entry:
        return await self._ended(entry, run, Result.FAILED, run.state)

    patch.setattr(Settler, "_never_ran", closed)


def _what_is_there_again_stays_closed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(known, "ABSENT", frozenset())


# What is weakened, and the machine that must see it.
WEAKENINGS: Mapping[str, tuple[Weaken, str]] = {
    "a token of its own for each attempt": (_token_of_each_attempt, "files"),
    "an open entry without its marker": (_marker_is_forgotten, "files"),
    "a touch runs as a new version": (_touch_runs, "files"),
    "the sweep ignores the baseline": (_baseline_is_ignored, "rules"),
    "the generation grows on a time-out": (_generation_grows_on_a_time_out, "databricks"),
    "prune looks at age only": (_prune_looks_at_age_only, "troubles"),
    "late events run without a look": (_late_events_run_unseen, "files"),
    "the watermark is ahead of what was seen": (_watermark_is_ahead, "files"),
    "events are answered whatever the ledger says": (_answered_before_it_is_claimed, "troubles"),
    "what is there again stays closed": (_what_is_there_again_stays_closed, "files"),
    "a skipped run counts as failed": (_skipped_run_is_a_failure, "databricks"),
}
