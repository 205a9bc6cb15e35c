"""The checker is not blind: a service that is broken on purpose is found out, by the check that is meant for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared import dispatch
from shared.errors import LedgerConflict
from shared.intake import Intake
from shared.ledger import Bookkeeping, Claim, Claimed, Entries, Standing
from shared.ledger.table import Operation
from shared.limits import windows
from shared.model import Entry, Result, State
from shared.rules import Limit
from tests.simulation import Ingredient, run_history
from tests.simulation.blobs import BlobsPort
from tests.simulation.table_port import TablePort

SEEDS = range(1, 41)


def checks_that_fail(*ingredients: Ingredient, until: str, arrivals: int = 12) -> set[str]:
    """Return the names of the checks that fail in some histories, up to the one that is waited for."""
    failed: set[str] = set()
    for seed in SEEDS:
        outcome = run_history(seed, arrivals=arrivals, only=ingredients or None)
        failed |= {violation.check for violation in outcome.violations}
        if until in failed:
            break
    return failed


def test_dropped_claim_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that says that it has claimed, and has not, loses files; their events are acknowledged for nothing."""

    async def claim(_: Entries, entry: Entry, **__: object) -> Claim:
        return Claim(Claimed.DUPLICATE, entry.evolve(state=State.SETTLED, due_at=None))

    monkeypatch.setattr(Entries, "claim", claim)

    assert "lost" in checks_that_fail(Ingredient.TIMER_DOUBLE, until="lost")


def test_unwritten_claim_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that is answered before its entry is written is found out when it is acknowledged."""
    original = Intake.accept

    async def accept(self: Intake, arrival: Any, deadline: Any, **named: Any) -> list[Claim]:
        try:
            return await original(self, arrival, deadline, **named)
        except Exception:  # noqa: BLE001 - that is the defect
            return []

    monkeypatch.setattr(Intake, "accept", accept)

    assert "dropped" in checks_that_fail(Ingredient.LEDGER_DOWN, until="dropped")


def test_token_of_its_own_for_each_attempt_is_a_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token that stays the same a lost answer starts a second run."""
    numbers = itertools.count()
    original: Callable[..., Any] = dispatch.Dispatcher._leased

    def leased(self: dispatch.Dispatcher, entry: Entry, job_id: int) -> Entry:
        fresh: Entry = original(self, entry.evolve(request=None), job_id)
        assert fresh.request is not None
        token = f"{next(numbers):064x}"
        body = fresh.request.body.replace(fresh.request.token, token)
        return fresh.evolve(request=replace(fresh.request, token=token, body=body))

    monkeypatch.setattr(dispatch.Dispatcher, "_leased", leased)

    assert "double" in checks_that_fail(Ingredient.LOSE_ANSWER, Ingredient.SLOW, until="double")


def test_entry_that_is_never_due_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is told to wait for ever waits beyond the end of the history."""
    monkeypatch.setattr(dispatch.Dispatcher, "_delay", lambda *_: timedelta(days=2))

    assert "stuck" in checks_that_fail(Ingredient.THROTTLE, until="stuck")


def test_invented_result_is_a_wrong_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry may not be settled by what its run never said."""
    original = Entries.move

    async def move(self: Entries, entry: Entry, **changes: Any) -> Entry:
        if changes.get("result") is Result.FAILED:
            changes["result"] = Result.SUCCEEDED
        return await original(self, entry, **changes)

    monkeypatch.setattr(Entries, "move", move)

    assert "wrong" in checks_that_fail(Ingredient.FAILED_RUNS, until="wrong")


def test_lost_marker_is_unmarked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open entry and its marker are written together or not at all."""
    original = TablePort.transact

    async def transact(self: TablePort, partition: str, operations: list[Operation]) -> Any:
        kept = [operation for operation in operations if not operation.key.startswith("Q|")]
        return await original(self, partition, kept or operations)

    monkeypatch.setattr(TablePort, "transact", transact)

    assert "unmarked" in checks_that_fail(Ingredient.TIMER_DOUBLE, until="unmarked")


def test_watermark_that_runs_ahead_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be called proven that has no entry yet."""
    original = Bookkeeping.save_standings

    async def save(self: Bookkeeping, standings: list[Standing]) -> None:
        ahead = [replace(one, low_watermark=one.low_watermark + timedelta(minutes=14)) for one in standings]
        await original(self, ahead)

    monkeypatch.setattr(Bookkeeping, "save_standings", save)

    assert "proof" in checks_that_fail(Ingredient.LOST_EVENTS, until="proof")


def test_door_that_raises_anything_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a door raises must be an error that its host knows."""

    async def accept(*_: object, **__: object) -> list[Claim]:
        raise ZeroDivisionError

    monkeypatch.setattr(Intake, "accept", accept)

    assert "crashed" in checks_that_fail(Ingredient.TIMER_DOUBLE, until="crashed")


def test_writes_without_their_condition_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zombie that overwrites what others wrote leaves rows or markers that cannot be."""
    original = Entries.write

    async def write(self: Entries, entry: Entry, moved: Entry) -> Entry:
        for _ in range(5):
            try:
                return await original(self, entry, moved)
            except LedgerConflict:
                found = await self.read(entry.rule, entry.arrival, entry.key)
                assert found is not None
                entry = found
        return moved

    monkeypatch.setattr(Entries, "write", write)

    zombies = (Ingredient.SLOW, Ingredient.LOSE_ANSWER, Ingredient.DUPLICATE_EVENTS, Ingredient.TIMER_DOUBLE)
    assert checks_that_fail(*zombies, Ingredient.SKIPPED_RUNS, until="wrong") & {"wrong", "unmarked", "double"}


def test_manifest_that_nobody_reads_again_is_a_wrong_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes his own list for the manifest, where another was written first, closes files that are in no batch."""

    async def read_manifest(_: BlobsPort, __: str) -> bytes | None:
        return None

    monkeypatch.setattr(BlobsPort, "read_manifest", read_manifest)

    faults = (Ingredient.CRASH, Ingredient.LOSE_ANSWER, Ingredient.SLOW, Ingredient.TIMER_DOUBLE)
    assert "wrong" in checks_that_fail(Ingredient.GATHER, *faults, until="wrong", arrivals=100)


def test_permit_that_is_forgotten_too_soon_breaks_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Permits that do not count for the whole length of their limit let too many requests out."""

    def counted_for(limit: Limit) -> timedelta:
        return limit.per.length / 3

    monkeypatch.setattr(windows, "counted_for", counted_for)

    assert "cap" in checks_that_fail(Ingredient.LIMITS, until="cap", arrivals=60)


def test_overwrite_that_is_not_ignored_is_fired_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a rule ignores must not run."""
    original = Entries.claim

    async def claim(self: Entries, entry: Entry, **named: Any) -> Claim:
        return await original(self, entry, **{**named, "overwrites_run": True})

    monkeypatch.setattr(Entries, "claim", claim)

    faults = (Ingredient.IGNORED_OVERWRITES, Ingredient.OVERWRITES)
    assert "refired" in checks_that_fail(*faults, until="refired", arrivals=40)
