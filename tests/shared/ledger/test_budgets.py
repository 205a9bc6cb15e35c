"""What is given out of a limit is one row, written by ETag."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from localdev.memory_table import MemoryTable
from shared.errors import LedgerConflict, LedgerDamaged, LedgerUnavailable
from shared.ledger import Budget, Budgets, Grant, Table
from shared.ledger.table import Put
from shared.rules import Limit, Per
from tests.fakes.manual_clock import START
from tests.fakes.table_faults import FaultyTable

SPENT = Budget(
    scope="crm|hour",
    grants=(Grant(START, 5), Grant(START + timedelta(milliseconds=1), 2)),
    queue_end=START + timedelta(hours=3),
    limit=Limit(100, Per.HOUR),
)


def budgets(table: Table) -> Budgets:
    """Return budgets of one instance."""
    return Budgets(table, lambda: uuid.uuid4().hex)


async def test_budget_is_read_as_it_was_written(table: Table) -> None:
    """Moments to the millisecond, counts, and the end of the line."""
    written = await budgets(table).write(SPENT)

    assert await budgets(table).read("crm|hour") == written
    assert await budgets(table).all() == ({"crm|hour": written}, {})
    assert (written.grants, written.queue_end, written.limit) == (SPENT.grants, SPENT.queue_end, SPENT.limit)


async def test_unknown_scope_has_an_empty_budget(table: Table) -> None:
    """Nothing was given out, and nothing is written by looking."""
    assert await budgets(table).read("*|hour") == Budget(scope="*|hour")
    assert await budgets(table).all() == ({}, {})


async def test_of_two_writers_one_wins(table: Table) -> None:
    """Whoever read before the other wrote has to read again, also where there was no row before."""
    first = await budgets(table).write(SPENT)
    with pytest.raises(LedgerConflict):
        await budgets(table).write(SPENT)
    await budgets(table).write(replace(first, grants=()))

    with pytest.raises(LedgerConflict):
        await budgets(table).write(first)


async def test_own_repeated_write_is_no_conflict() -> None:
    """A retry inside the SDK must not make an instance lose what it was given."""
    table = FaultyTable(MemoryTable())
    ours = budgets(table)
    table.repeat_next()
    written = await ours.write(SPENT)
    table.repeat_next()

    again = await ours.write(replace(written, grants=()))

    assert (table.repeated, (await ours.read("crm|hour"))) == (2, again)


async def test_lost_answer_is_told() -> None:
    """Whether it was given out is unknown: then it must not be used."""
    table = FaultyTable(MemoryTable())
    table.lose_next_answer()

    with pytest.raises(LedgerUnavailable):
        await budgets(table).write(SPENT)


async def test_damaged_budget_is_told() -> None:
    """A row that somebody has spoilt gives out nothing, and names itself."""
    table = MemoryTable()
    await table.transact("budgets", [Put("crm|hour", {"grants": "yesterday:7"})])

    with pytest.raises(LedgerDamaged, match=r"crm\|hour"):
        await budgets(table).read("crm|hour")
