"""Upkeep: what a pass does once an hour."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.ledger import Upkept
from shared.model import Verdict
from tests.fakes.world import World

HOUR = 3600.0


async def test_accounts_are_logged_once_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    """How well the events of a rule arrive is in the log, in numbers, also when nobody asks for the status."""
    world = World()
    await world.reconciler.run()
    world.clock.advance(60)
    await world.drop("landing/crm/a.csv")
    world.landing.upload("landing/crm/lost.csv")
    world.clock.advance(HOUR - 120)
    await world.reconciler.run()
    caplog.set_level("INFO")
    caplog.clear()
    world.clock.advance(60)
    await world.reconciler.run()
    world.clock.advance(60)
    await world.reconciler.run()

    (line,) = [message for message in caplog.messages if message.startswith("rule.accounted rule=crm")]
    assert "missed_1h=1" in line
    assert "arrivals_24h=2" in line
    assert "event_lag_max=0.0" in line
    assert "sweep_lag_p50=3480.0" in line


async def test_pass_without_time_leaves_upkeep_to_the_next() -> None:
    """It is never what makes a pass late."""
    world = World()
    await world.reconciler._steps.upkeep.run(await world.bookkeeping.standings(), world.deadline(0))

    assert (await world.bookkeeping.last_upkeep()).at is None


async def test_old_entries_go_by_themselves() -> None:
    """What is older than the retention, and proven, is removed without anybody asking."""
    world = World(LEDGER_RETENTION="4d")
    await world.reconciler.run()
    world.clock.advance(60)
    await world.drop("landing/crm/a.csv")
    (run_id,) = world.databricks.runs
    world.databricks.end(run_id, Verdict.SUCCEEDED)
    for _ in range(20):
        world.clock.advance(12 * HOUR)
        await world.reconciler.run()

    assert await world.all_entries() == []
    assert len(world.databricks.runs) == 1


async def test_upkeep_goes_on_where_it_stopped() -> None:
    """With more rules than there is time for, those at the end have their turn, too."""
    world = World()
    await world.reconciler.run()
    world.clock.advance(HOUR)
    standings = await world.bookkeeping.standings()
    upkeep = world.reconciler._steps.upkeep
    await world.bookkeeping.save_upkeep(replace(await world.bookkeeping.last_upkeep(), stopped_at="erp"))
    calls = world.table.calls
    pruned = await world.pruner.prune(standings, world.deadline(), start_from="erp")
    of_one_rule = world.table.calls - calls
    none = await world.pruner.prune(standings, world.deadline(0), start_from="erp")
    await upkeep.run(standings, world.deadline())

    assert (pruned.complete, of_one_rule) == (True, 1 + 2 * 4)
    assert none.stopped_at == "erp"
    assert await world.bookkeeping.last_upkeep() == Upkept(world.clock.now())


async def test_upkeep_without_time_remembers_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next pass begins with the rule at which this one had to stop."""
    world = World()
    await world.reconciler.run()
    world.clock.advance(HOUR)
    closed = world.pruner._old_rows.closed

    def slow(*args: object) -> object:
        world.clock.advance(60)
        return closed(*args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(world.pruner._old_rows, "closed", slow)
    await world.reconciler._steps.upkeep.run(await world.bookkeeping.standings(), world.deadline(100))

    assert (await world.bookkeeping.last_upkeep()).stopped_at == "erp"


async def test_defect_met_in_one_rule_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upkeep of the others goes on, and is done for this hour."""
    world = World()
    await world.reconciler.run()
    closed = world.pruner._old_rows.closed

    def broken(partition: str, *args: object) -> object:
        if partition.startswith("crm|"):
            raise ValueError("a row that nobody can read")
        return closed(partition, *args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(world.pruner._old_rows, "closed", broken)
    pruned = await world.pruner.prune(await world.bookkeeping.standings(), world.deadline())

    assert (list(pruned.failures), pruned.complete) == (["crm"], True)
