"""The protocol of entries (rules R1, R4, R6 of ARCHITECTURE.md), in memory and on Table Storage."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import LedgerConflict, LedgerUnavailable
from shared.ledger import Claimed, Entries, Table, partition_of
from shared.ledger.table import Operation
from shared.model import Entry, Result, Source, State
from tests.fakes.arrivals import arrival, entry, leased
from tests.fakes.manual_clock import START
from tests.fakes.table_faults import FaultyTable

MINUTE = timedelta(minutes=1)


@pytest.fixture
def entries(table: Table) -> Entries:
    """Return the entries over the table of the test, with nonces that can be told apart."""
    numbers = itertools.count()
    return Entries(table, lambda: f"nonce-{next(numbers)}")


async def due_keys(entries: Entries, of: Entry, minutes: float = 0) -> list[str]:
    """Return the keys that are due in the entry's partition so many minutes after START."""
    now = START + minutes * MINUTE
    return [marker.key async for marker in entries.due(partition_of(of.rule, of.arrival), now)]


async def test_first_claim_wins(entries: Entries) -> None:
    """Winning is the right and the duty to start the entry; it is stored as it was written."""
    claim = await entries.claim(entry())

    stored = await entries.read("crm", arrival(), entry().key)

    assert claim.outcome is Claimed.WON
    assert stored == claim.entry


async def test_whole_entry_round_trips(entries: Entries) -> None:
    """Every field of an entry survives storage."""
    full = leased(
        entry(
            of=arrival(
                "crm/\x00\u202e💎 {{x}}.csv",
                md5="bWQ1",
                content_type="text/csv",
                blob_type="BlockBlob",
                api="PutBlob",
                event_id="e1",
                sequencer="00FF",
                size=2**62,
            ),
            generation=3,
            attempts=4,
            refusals=1,
            lookups=1,
            run_id=2**62,
            run_url="https://x/#job/1",
            run_started_at=START,
            run_ended_at=START + MINUTE,
            reason="why not",
        ),
        START + MINUTE,
    )

    claim = await entries.claim(full)

    assert await entries.read("crm", full.arrival, full.key) == claim.entry
    assert replace(claim.entry, nonce="", etag="") == full


async def test_second_claim_is_a_duplicate(entries: Entries) -> None:
    """The same version claimed again changes nothing and returns what is there."""
    first = await entries.claim(entry())
    second = await entries.claim(entry(of=arrival(source=Source.SWEEP, committed_at=START + MINUTE)))

    assert second.outcome is Claimed.DUPLICATE
    assert second.entry == first.entry


async def test_racing_claims_have_one_winner(entries: Entries) -> None:
    """However many instances claim at once, one of them wins."""
    claims = await asyncio.gather(*(entries.claim(entry()) for _ in range(12)))

    outcomes = [claim.outcome for claim in claims]
    assert outcomes.count(Claimed.WON) == 1
    assert outcomes.count(Claimed.DUPLICATE) == 11


async def test_rules_claim_independently(entries: Entries) -> None:
    """The same arrival under two rules is two entries."""
    first = await entries.claim(entry("crm"))
    second = await entries.claim(entry("audit"))

    assert {first.outcome, second.outcome} == {Claimed.WON}
    assert first.entry.key != second.entry.key


async def test_overwrite_is_a_new_entry(entries: Entries) -> None:
    """A commit with a new ETag is a new version of the path, and both run."""
    await entries.claim(entry())
    claim = await entries.claim(entry(of=arrival(version="v2", committed_at=START + MINUTE)))

    assert claim.outcome is Claimed.WON
    assert claim.entry.state is State.PENDING


async def test_late_old_event_is_superseded(entries: Entries) -> None:
    """A version older than the head is recorded, closed, and does not become the head."""
    await entries.claim(entry(of=arrival(version="v2", committed_at=START + MINUTE)))
    late = await entries.claim(leased(entry(of=arrival(version="v1")), START + MINUTE))
    next_one = await entries.claim(entry(of=arrival(version="v0", committed_at=START + 0.5 * MINUTE)))

    assert late.outcome is Claimed.CLOSED
    assert (late.entry.state, late.entry.result) == (State.SETTLED, Result.SUPERSEDED)
    assert late.entry.request is None
    assert next_one.entry.result is Result.SUPERSEDED


async def test_earlier_version_told_later_is_not_the_newest(entries: Entries) -> None:
    """Without a certain order it runs, but what is touched afterwards is the version that was committed last."""
    await entries.claim(entry(of=arrival(version="v2", md5="new", committed_at=START + timedelta(seconds=1))))
    told_late = await entries.claim(entry(of=arrival(version="v1", md5="old")))
    touch = arrival(version="v3", md5="new", source=Source.SWEEP, committed_at=START + MINUTE)

    touched = await entries.claim(entry(of=touch))

    assert told_late.outcome is Claimed.WON
    assert touched.entry.result is Result.TOUCHED


async def test_touch_found_by_the_sweep_is_closed(entries: Entries) -> None:
    """Same size and same MD5 under a new ETag: recorded and not run, and later touches are seen as touches too."""
    await entries.claim(entry(of=arrival(md5="m")))
    touches = [
        await entries.claim(
            entry(of=arrival(version=f"v{number}", md5="m", source=Source.SWEEP, committed_at=START + MINUTE))
        )
        for number in (2, 3)
    ]

    assert [claim.entry.result for claim in touches] == [Result.TOUCHED, Result.TOUCHED]


async def test_md5_learnt_after_the_claim_tells_a_touch(entries: Entries) -> None:
    """An event carries no MD5; once dispatch has learnt it, the head's entry tells it."""
    claimed = (await entries.claim(entry())).entry
    await entries.move(claimed, arrival=replace(claimed.arrival, md5="m"))

    touch = await entries.claim(entry(of=arrival(version="v2", md5="m", source=Source.SWEEP)))

    assert touch.entry.result is Result.TOUCHED


async def test_touch_that_cannot_be_told_runs_flagged(entries: Entries) -> None:
    """Without an MD5 a touch looks like a new version: losing a file would be worse than running it."""
    await entries.claim(entry())
    claim = await entries.claim(entry(of=arrival(version="v2", source=Source.SWEEP)))

    assert claim.outcome is Claimed.WON
    assert claim.entry.ambiguous_touch


async def test_dead_on_arrival_is_recorded_closed(entries: Entries) -> None:
    """An entry that can never run is written with its reason and nobody looks at it again."""
    dead = entry(state=State.DEAD, due_at=None, reason="too long", parameters={})
    claim = await entries.claim(dead)

    assert claim.outcome is Claimed.CLOSED
    assert await due_keys(entries, dead, minutes=10_000) == []


async def test_open_entry_is_due_from_its_due_time(entries: Entries) -> None:
    """The marker of an open entry is found from its due time on, not before."""
    claimed = entry(due_at=START + MINUTE)
    await entries.claim(claimed)

    assert await due_keys(entries, claimed, minutes=0.99) == []
    assert await due_keys(entries, claimed, minutes=1) == [claimed.key]


async def test_due_entries_come_oldest_first(entries: Entries) -> None:
    """Whoever waits longest is served first."""
    due_minutes = (4, 2, 3, 1)
    claimed = [
        entry(of=arrival(version=f"v{number}", committed_at=START + number * MINUTE), due_at=START + minute * MINUTE)
        for number, minute in enumerate(due_minutes)
    ]
    for one in claimed:
        await entries.claim(one)

    keys = await due_keys(entries, claimed[0], minutes=10)

    assert keys == [claimed[number].key for number in (3, 1, 2, 0)]


async def test_move_changes_entry_and_marker_together(entries: Entries) -> None:
    """A moved entry is due at its new time only."""
    claimed = (await entries.claim(entry())).entry
    moved = await entries.move(claimed, state=State.SUBMITTED, run_id=5, due_at=START + MINUTE)

    markers = [marker async for marker in entries.open(partition_of("crm", claimed.arrival))]

    assert await entries.read("crm", claimed.arrival, claimed.key) == moved
    assert [(marker.state, marker.due_at) for marker in markers] == [(State.SUBMITTED, START + MINUTE)]


async def test_closing_removes_the_marker(entries: Entries) -> None:
    """A settled entry has no marker, and its time index tells the result."""
    claimed = (await entries.claim(entry())).entry
    await entries.move(claimed, state=State.SETTLED, result=Result.SUCCEEDED, due_at=None)

    partition = partition_of("crm", claimed.arrival)
    assert [marker async for marker in entries.open(partition)] == []
    assert [indexed.outcome async for indexed in entries.between(partition, START)] == ["succeeded"]


async def test_stale_writer_is_refused(entries: Entries) -> None:
    """Who read the entry before somebody else moved it cannot overwrite the newer state."""
    claimed = (await entries.claim(entry())).entry
    await entries.move(claimed, state=State.SUBMITTED, run_id=5)

    with pytest.raises(LedgerConflict):
        await entries.move(claimed, state=State.DEAD, due_at=None)


async def test_racing_leases_have_one_winner(entries: Entries) -> None:
    """However many workers take an overdue entry over, one of them gets it."""
    claimed = (await entries.claim(entry())).entry

    results = await asyncio.gather(
        *(entries.write(claimed, leased(claimed, START + MINUTE)) for _ in range(8)), return_exceptions=True
    )

    assert sum(isinstance(result, Entry) for result in results) == 1
    assert sum(isinstance(result, LedgerConflict) for result in results) == 7


async def test_open_entry_without_due_time_is_refused(entries: Entries) -> None:
    """Nobody would ever look at an open entry that is never due."""
    with pytest.raises(ValueError, match="without a due time"):
        await entries.claim(entry(due_at=None))


async def test_entries_of_a_time_window_are_a_range(entries: Entries) -> None:
    """The time index finds what was committed in a window, oldest first, and by whom it was found."""
    path = arrival().path
    for minute in (3, 1, 2):
        made = arrival(
            path, version=f"v{minute}", committed_at=START + minute * MINUTE, source=Source.SWEEP, size=minute
        )
        await entries.claim(entry(of=made))

    partition = partition_of("crm", arrival())
    window = [indexed async for indexed in entries.between(partition, START + 2 * MINUTE, START + 3 * MINUTE)]

    assert [(indexed.committed_at, indexed.source) for indexed in window] == [(START + 2 * MINUTE, Source.SWEEP)]
    assert len([indexed async for indexed in entries.between(partition, START)]) == 3


async def test_keys_of_a_time_window_come_with_their_outcome(entries: Entries) -> None:
    """The sweep learns of a window's entries no more than it compares: their keys, and what became of them."""
    claims = [
        await entries.claim(entry(of=arrival(version=f"v{minute}", committed_at=START + minute * MINUTE)))
        for minute in (1, 2, 3)
    ]
    await entries.move(claims[1].entry, state=State.SETTLED, result=Result.FAILED, due_at=None)

    partition = partition_of("crm", arrival())
    window = [pair async for pair in entries.keys_between(partition, START + MINUTE, START + 3 * MINUTE)]

    assert window == [(claims[0].entry.key, "open"), (claims[1].entry.key, "failed")]
    assert len([pair async for pair in entries.keys_between(partition, START)]) == 3


async def test_entries_are_found_by_their_first_digits(entries: Entries) -> None:
    """People have the first digits of a key from the log."""
    claimed = [(await entries.claim(entry(of=arrival(version=f"v{number}")))).entry for number in range(3)]
    partition = partition_of("crm", arrival())

    found = [one async for one in entries.named(partition, claimed[1].key[:12])]

    assert found == [claimed[1]]
    assert len([one async for one in entries.named(partition, "")]) == 3


async def test_duplicates_are_counted_by_time(entries: Entries) -> None:
    """Each suppressed duplicate is one row, counted from a moment on."""
    claimed = (await entries.claim(entry())).entry
    for minute in (0, 1, 2):
        await entries.count_duplicate(claimed, START + minute * MINUTE)

    partition = partition_of("crm", claimed.arrival)
    assert await entries.duplicates(partition, START) == 3
    assert await entries.duplicates(partition, START + MINUTE) == 2


async def test_missing_marker_is_mended(entries: Entries, table: Table, caplog: pytest.LogCaptureFixture) -> None:
    """An open entry whose marker is gone can still be moved, gets one again, and it is reported."""
    claimed = (await entries.claim(entry())).entry
    partition = partition_of("crm", claimed.arrival)
    (marker,) = [row async for row in table.range(partition, "Q|", "Q|~")]
    await table.transact(partition, [FaultyTable.deletion_of(marker)])

    moved = await entries.move(claimed, due_at=START + MINUTE)

    assert await due_keys(entries, moved, minutes=1) == [moved.key]
    assert "invariant.broken" in caplog.text


@pytest.mark.parametrize("step", ["claim", "move"])
async def test_lost_answer_is_recognised_by_its_nonce(table: Table, step: str) -> None:
    """A write that was applied and repeated conflicts with itself: the nonce tells that it is our own."""
    faulty = FaultyTable(table)
    entries = Entries(faulty, lambda: f"nonce-{faulty.calls}")
    claimed = (await entries.claim(entry())).entry if step == "move" else None
    faulty.repeat_next()

    if claimed is None:
        claim = await entries.claim(entry())
        assert claim.outcome is Claimed.WON
    else:
        moved = await entries.move(claimed, due_at=START + MINUTE)
        assert moved.due_at == START + MINUTE
    assert faulty.repeated == 1


async def test_unknown_outcome_is_raised_and_claimed_again(table: Table) -> None:
    """When the answer is lost for good the caller is told; claiming again finds what was written."""
    faulty = FaultyTable(table)
    entries = Entries(faulty, lambda: f"nonce-{faulty.calls}")
    faulty.lose_next_answer()

    with pytest.raises(LedgerUnavailable):
        await entries.claim(entry())
    again = await entries.claim(entry())

    assert again.outcome is Claimed.DUPLICATE
    assert again.entry.is_open


async def test_claim_of_a_new_path_is_one_round_trip(table: Table) -> None:
    """Nothing stands between an event and its run but one transaction."""
    counting = FaultyTable(table)

    await Entries(counting, lambda: "n").claim(entry())

    assert counting.calls == 1


class _Contended:
    """A table on which another version of the path is claimed just before each of our claims."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._numbers = itertools.count(1)
        self.rivals = 2

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Let a rival claim first, as often as told."""
        if self.rivals:
            self.rivals -= 1
            number = next(self._numbers)
            rival = arrival(version=f"rival{number}", committed_at=START + number * MINUTE)
            await Entries(self._table, lambda: f"rival-{number}").claim(entry(of=rival))
        return await self._table.transact(partition, operations)

    def __getattr__(self, name: str) -> object:
        return getattr(self._table, name)


async def test_claim_survives_rivals_of_the_same_path(table: Table) -> None:
    """Other versions claimed at the same moment only cost another round."""
    contended: Table = _Contended(table)  # type: ignore[assignment]  # what it does not define it passes on

    claim = await Entries(contended, lambda: "ours").claim(
        entry(of=arrival(version="v9", committed_at=START + 9 * MINUTE))
    )

    assert claim.outcome is Claimed.WON
