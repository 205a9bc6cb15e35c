"""Standings, breakers and the heartbeat."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import LedgerConflict
from shared.ledger import Bookkeeping, Breaker, Table
from tests.fakes.manual_clock import START


async def test_nothing_is_known_at_first(table: Table) -> None:
    """Before the first pass there is no rule, no breaker and no heartbeat."""
    bookkeeping = Bookkeeping(table)

    assert await bookkeeping.standings() == {}
    assert await bookkeeping.breakers() == {}
    assert await bookkeeping.last_pass() is None


async def test_first_sight_of_a_rule_is_its_baseline(table: Table) -> None:
    """A rule is activated once; whoever comes second gets the baseline that stands."""
    bookkeeping = Bookkeeping(table)
    activated = await bookkeeping.activate("crm", START)
    again = await bookkeeping.activate("crm", START + timedelta(days=1))

    assert again == activated
    assert await bookkeeping.standings() == {"crm": activated}
    assert activated.baseline == activated.low_watermark == START


async def test_standing_is_saved_by_etag(table: Table) -> None:
    """Of two overlapping passes only one moves the watermark."""
    bookkeeping = Bookkeeping(table)
    activated = await bookkeeping.activate("crm", START)
    changed = replace(activated, low_watermark=START + timedelta(hours=1))

    await bookkeeping.save_standings([changed])

    assert (await bookkeeping.standings())["crm"].low_watermark == changed.low_watermark
    with pytest.raises(LedgerConflict):
        await bookkeeping.save_standings([changed])


async def test_closed_breaker_is_not_listed(table: Table) -> None:
    """A breaker with no trips lets its rule run."""
    bookkeeping = Bookkeeping(table)
    breaker = Breaker(rule="crm", reason="no such job", until=START, trips=2)
    await bookkeeping.save_breaker(breaker)
    listed = await bookkeeping.breakers()

    await bookkeeping.save_breaker(replace(breaker, trips=0))

    assert listed == {"crm": breaker}
    assert await bookkeeping.breakers() == {}


async def test_last_pass_is_the_last_one_saved(table: Table) -> None:
    """The heartbeat holds the newest summary only."""
    bookkeeping = Bookkeeping(table)
    for number in (1, 2):
        await bookkeeping.save_pass({"started_at": f"{number}", "failures": []})

    assert await bookkeeping.last_pass() == {"started_at": "2", "failures": []}
