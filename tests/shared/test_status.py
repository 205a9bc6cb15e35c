"""Status: what the ledger holds, per rule."""

from __future__ import annotations

import json
from datetime import timedelta

from shared.errors import JobMissing
from shared.model import Verdict
from tests.fakes.manual_clock import START
from tests.fakes.world import RULES, World


async def test_status_counts_what_happened() -> None:
    """States, results, missed events, duplicates and the oldest open entry are told per rule."""
    world = World()
    await world.reconciler.run()
    arrival = world.landing.upload("landing/crm/a.csv")
    for _ in range(3):
        await world.deliver(arrival)
    world.databricks.end(101, Verdict.FAILED)
    world.clock.advance(60)
    await world.drop("landing/crm/b.csv")
    world.landing.upload("landing/crm/lost.csv")
    world.clock.advance(600)
    await world.reconciler.run()

    crm, erp = (await world.status.read()).as_json()["rules"]

    assert crm["states"] == {
        "pending": 0,
        "dispatching": 0,
        "submitted": 2,
        "held": 0,
        "settled": 1,
        "dead": 0,
    }
    assert crm["results"] == {"failed": 1}
    assert (crm["missed"], crm["duplicates"]) == (1, 2)
    assert crm["oldest_open"] == "2026-11-22T12:01:00.000+00:00"
    assert crm["complete_up_to"] == "2026-11-22T12:00:00.000+00:00"
    assert erp["states"]["submitted"] == 0


async def test_status_names_rules_that_are_gone() -> None:
    """What a deleted rule left behind is still shown, as inactive."""
    world = World()
    await world.reconciler.run()
    world.restart(RULES.replace("name: crm", "name: new"))

    rules = {rule.rule: rule.active for rule in (await world.status.read()).rules}

    assert rules == {"crm": False, "erp": True, "new": True}


async def test_status_shows_breaker_and_last_pass() -> None:
    """Why a rule waits, and when the timer last ran, are part of the answer; all of it is JSON."""
    world = World()
    world.databricks.fail_next(JobMissing("Job 7 does not exist."))
    await world.drop("landing/crm/a.csv")
    await world.reconciler.run()

    status = json.loads(json.dumps((await world.status.read()).as_json()))

    assert status["rules"][0]["breaker"]["reason"] == "Job 7 does not exist."
    assert status["last_pass"]["started_at"] == "2026-11-22T12:00:00.000+00:00"


async def test_closed_entries_leave_the_window() -> None:
    """Closed entries are counted in the window only, open ones whenever they came."""
    world = World()
    await world.drop("landing/crm/a.csv")
    await world.drop("landing/crm/b.csv")
    world.databricks.end(101, Verdict.SUCCEEDED)
    world.clock.advance(60)
    await world.reconciler.run()
    world.clock.advance(2 * 24 * 3600)

    status = await world.status.read(timedelta(hours=24))

    assert status.since == START + timedelta(days=1, minutes=1)
    assert (status.rules[0].states["settled"], status.rules[0].states["submitted"]) == (0, 1)


async def test_duplicates_of_all_partitions_add_up() -> None:
    """Partitions are counted at the same time, and none overwrites another's count."""
    world = World()
    for number in range(12):
        arrival = world.landing.upload(f"landing/crm/{number}.csv")
        await world.deliver(arrival)
        await world.deliver(arrival)

    status = await world.status.read()

    assert status.rules[0].duplicates == 12
