"""What is removed is removed whole, in memory and on Table Storage."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta

import pytest

from shared.ledger import Entries, Indexed, OldRows, Table, partition_of
from shared.ledger.old_rows import ENTRIES_AT_ONCE
from shared.model import Entry, Result, State
from tests.fakes.arrivals import arrival, entry
from tests.fakes.manual_clock import START

HOUR = timedelta(hours=1)
PARTITION = partition_of("crm", arrival())


@pytest.fixture
def entries(table: Table) -> Entries:
    """Return the entries over the table of the test, with nonces that can be told apart."""
    numbers = itertools.count()
    return Entries(table, lambda: f"nonce-{next(numbers)}")


async def closed(entries: Entries, version: str = "v1", hours: int = 0) -> Entry:
    """Return a version of one path that was committed, claimed and closed so many hours after START."""
    at = START + hours * HOUR
    claim = await entries.claim(entry(of=arrival(version=version, committed_at=at), claimed_at=at))
    return await entries.move(claim.entry, state=State.SETTLED, result=Result.FAILED, due_at=None, settled_at=at)


async def old(table: Table, hours: int = 100) -> list[Indexed]:
    """Return the closed entries that were committed and claimed before so many hours after START."""
    before = START + hours * HOUR
    return [one async for one in OldRows(table).closed(PARTITION, before, before)]


async def keys(table: Table) -> list[str]:
    """Return the first letters of all rows of the partition."""
    return [row.key[0] async for row in table.range(PARTITION, "", "~")]


async def test_old_entries_are_found_by_their_time(entries: Entries, table: Table) -> None:
    """Those committed before a moment, the oldest first; open ones are not old."""
    made = [await closed(entries, f"v{hour}", hour) for hour in (1, 2, 3)]
    await entries.claim(entry(of=arrival(version="v9", committed_at=START + 9 * HOUR), due_at=START))

    assert [one.key for one in await old(table, 3)] == [one.key for one in made[:2]]
    assert len(await old(table)) == 3


async def test_as_many_as_fit_go_at_once(entries: Entries, table: Table) -> None:
    """A transaction holds that many entries, each with its index, and the head that names the last of them."""
    for number in range(ENTRIES_AT_ONCE):
        await closed(entries, f"v{number:02d}", number)

    counts = await OldRows(table).remove(PARTITION, await old(table), START + 100 * HOUR)

    assert counts == Counter(entries=ENTRIES_AT_ONCE, heads=1)
    assert await keys(table) == []


async def test_head_of_another_version_stays(entries: Entries, table: Table) -> None:
    """It is compared with what comes late."""
    await closed(entries, "v1", 1)
    await closed(entries, "v2", 2)

    counts = await OldRows(table).remove(PARTITION, await old(table, 2), START + 100 * HOUR)

    assert counts == Counter(entries=1)
    assert await keys(table) == ["E", "H", "T"]


async def test_what_was_settled_late_is_kept(entries: Entries, table: Table) -> None:
    """Its result is not old, whenever its file was committed."""
    await closed(entries, hours=5)

    counts = await OldRows(table).remove(PARTITION, await old(table), START + 5 * HOUR)

    assert counts == Counter(kept=1)
    assert await keys(table) == ["E", "H", "T"]


async def test_one_that_has_changed_does_not_keep_the_others(entries: Entries, table: Table) -> None:
    """Who opens an entry again after it was found wins; the rest of its transaction goes."""
    first, second = await closed(entries, "v1", 1), await closed(entries, "v2", 2)
    found = await old(table)
    await entries.move(first, state=State.PENDING, result=None, due_at=START)

    counts = await OldRows(table).remove(PARTITION, found, START + 100 * HOUR)

    assert counts == Counter(entries=1, heads=1, kept=1)
    assert await entries.read_at(PARTITION, second.key) is None
    assert await keys(table) == ["E", "Q", "T"]


async def test_two_at_once_remove_everything_once(entries: Entries, table: Table) -> None:
    """Somebody else has removed it already: nothing is left, and nothing fails."""
    await closed(entries)
    found = await old(table)
    await OldRows(table).remove(PARTITION, found, START + HOUR)

    counts = await OldRows(table).remove(PARTITION, found, START + HOUR)

    assert counts["heads"] == 0
    assert await keys(table) == []


async def test_duplicates_are_removed_by_their_time(entries: Entries, table: Table) -> None:
    """Those that were written before a moment; removing them again removes nothing."""
    made = await closed(entries)
    for hour in (1, 2, 3):
        await entries.count_duplicate(made, START + hour * HOUR)
    rows = OldRows(table)

    found = [key async for key in rows.duplicates(PARTITION, START + 3 * HOUR)]

    assert await rows.remove_duplicates(PARTITION, found) == 2
    assert await rows.remove_duplicates(PARTITION, found) == 0
    assert await entries.duplicates(PARTITION, START) == 1
