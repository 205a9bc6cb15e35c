"""Upkeep: what a pass does once an hour."""

from __future__ import annotations

import pytest

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

    assert await world.bookkeeping.last_upkeep() is None


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
