"""An entry that closes because its version was not there takes along what was closed in its favour."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from shared.ledger import Claim, Claimed, Entries, Table, partition_of
from shared.model import Arrival, Entry, Result, Source, State
from shared.versions import Head
from tests.fakes.arrivals import arrival, entry
from tests.fakes.manual_clock import START
from tests.fakes.table_faults import FaultyTable


def over(table: Table) -> Entries:
    """Return the entries over a table, with nonces that can be told apart."""
    numbers = itertools.count()
    return Entries(table, lambda: f"nonce-{next(numbers)}")


def seen(version: str) -> Arrival:
    """Return an arrival that the sweep sees, of one and the same content."""
    return arrival(version=version, md5="m", source=Source.SWEEP)


async def closed(entries: Entries, claim: Claim, result: Result = Result.VANISHED) -> Entry:
    """Close an entry because its version was not there."""
    changes: dict[str, Any] = {"state": State.SETTLED, "result": result, "reason": "gone", "settled_at": START}
    return await entries.move(claim.entry, **changes, due_at=None)


async def outcomes(entries: Entries) -> list[str]:
    """Return what the time index tells of each version, as a sweep reads it."""
    found = [outcome async for _, outcome in entries.keys_between(partition_of("crm", arrival()), START)]
    return sorted(found)


@pytest.mark.parametrize("result", [Result.VANISHED, Result.SUPERSEDED])
async def test_touch_of_a_given_up_version_is_given_up(table: Table, result: Result) -> None:
    """Its content has not run either: a sweep that sees it again must find it unserved."""
    entries = over(table)
    first = await entries.claim(entry(of=seen("v1")))
    touch = await entries.claim(entry(of=seen("v2")))

    await closed(entries, first, result)

    given_up = await entries.read("crm", seen("v2"), touch.entry.key)
    assert (touch.entry.result, given_up.result if given_up else None) == (Result.TOUCHED, result)
    assert await outcomes(entries) == [result, result]


async def test_ignored_overwrite_of_a_given_up_version_is_given_up(table: Table) -> None:
    """It was ignored in favour of a version that never ran."""
    entries = over(table)
    first = await entries.claim(entry())
    ignored = await entries.claim(entry(of=arrival(version="v2")), overwrites_run=False)

    await closed(entries, first)

    assert ignored.entry.result is Result.IGNORED
    assert await outcomes(entries) == [Result.VANISHED, Result.VANISHED]


async def test_touch_of_a_version_that_ran_stays_closed(table: Table) -> None:
    """Only a version that was not there takes its touch along."""
    entries = over(table)
    first = await entries.claim(entry(of=seen("v1")))
    await entries.claim(entry(of=seen("v2")))

    await closed(entries, first, Result.SUCCEEDED)

    assert await outcomes(entries) == [Result.SUCCEEDED, Result.TOUCHED]


async def test_touch_of_what_ran_after_all_is_a_touch(table: Table) -> None:
    """Once the content that was given up has run under its later version, setting metadata runs nothing."""
    entries = over(table)
    first = await entries.claim(entry(of=seen("v1")))
    await entries.claim(entry(of=seen("v2")))
    await closed(entries, first)
    later = await entries.read("crm", seen("v2"), entry(of=seen("v2")).key)
    assert later is not None
    await closed(entries, Claim(Claimed.WON, later), Result.SUCCEEDED)

    touch = await entries.claim(entry(of=seen("v3")))

    assert touch.entry.result is Result.TOUCHED


@pytest.mark.parametrize("is_touched_before", [False, True])
async def test_touch_that_is_claimed_meanwhile_runs(
    table: Table,
    monkeypatch: pytest.MonkeyPatch,
    is_touched_before: bool,  # noqa: FBT001 - by name
) -> None:
    """A claim that has compared its version with the one that is given up just then looks once more."""
    entries = over(table)
    first = await entries.claim(entry(of=seen("v1")))
    if is_touched_before:
        await entries.claim(entry(of=seen("v2")))
    read_head = entries._head
    rounds = 0

    async def head_then_given_up(*given: Any, **named: Any) -> Head | None:
        nonlocal rounds
        rounds += 1
        head = await read_head(*given, **named)
        if rounds == 1:
            await closed(entries, first)
        return head

    monkeypatch.setattr(entries, "_head", head_then_given_up)
    touch = await entries.claim(entry(of=seen("v3")))

    assert (touch.outcome, rounds) == (Claimed.WON, 2)


async def test_touch_that_is_claimed_first_is_given_up(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the touch is claimed while its version is being given up, the latter looks once more."""
    entries = over(table)
    first = await entries.claim(entry(of=seen("v1")))
    find_others = entries._given_up_with
    rounds = 0

    async def others_then_touched(*given: Any) -> Any:
        nonlocal rounds
        rounds += 1
        others = await find_others(*given)
        if rounds == 1:
            await entries.claim(entry(of=seen("v2")))
        return others

    monkeypatch.setattr(entries, "_given_up_with", others_then_touched)
    await closed(entries, first)

    assert rounds == 2
    assert await outcomes(entries) == [Result.VANISHED, Result.VANISHED]


@pytest.mark.parametrize("trouble", ["repeat_next", "lose_marker"])
async def test_giving_up_outlasts_trouble(table: Table, trouble: str) -> None:
    """A request that the SDK repeats is our own; an entry without its marker is closed all the same."""
    faulty = FaultyTable(table)
    entries = over(faulty)
    first = await entries.claim(entry(of=seen("v1")))
    await entries.claim(entry(of=seen("v2")))
    if trouble == "repeat_next":
        faulty.repeat_next()
    else:
        partition = partition_of("crm", arrival())
        (marker,) = [row async for row in table.range(partition, "Q|", "Q|~")]
        await table.transact(partition, [faulty.deletion_of(marker)])

    given_up = await closed(entries, first)

    assert (given_up.result, faulty.repeated) == (Result.VANISHED, trouble == "repeat_next")
