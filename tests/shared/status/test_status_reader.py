"""Status: what the ledger holds and what is proven, per rule."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import JobMissing, LedgerUnavailable
from shared.model import Source, State, Verdict
from shared.rule_book import ShippedRules
from shared.rules import Rules
from shared.status import StatusReader
from tests.fakes.arrivals import arrival, entry
from tests.fakes.manual_clock import START
from tests.fakes.world import RULES, World


async def read(world: World, window: timedelta = timedelta(hours=24)) -> dict[str, Any]:
    """Return the status as a monitor gets it."""
    answer: dict[str, Any] = json.loads(json.dumps((await world.status.read(window)).as_json()))
    return answer


async def test_status_counts_what_happened() -> None:
    """States, results, missed events, duplicates and the oldest open entry are told per rule."""
    world = World()
    await world.reconciler.run()
    uploaded = world.landing.upload("landing/crm/a.csv")
    for _ in range(3):
        await world.deliver(uploaded)
    world.databricks.end(101, Verdict.FAILED)
    world.clock.advance(60)
    await world.drop("landing/crm/b.csv")
    world.landing.upload("landing/crm/lost.csv")
    world.clock.advance(600)
    await world.reconciler.run()

    crm, erp = (await read(world))["rules"]

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
    assert crm["missed_events"]["1h"] == {"missed": 1, "arrivals": 3, "rate": 1 / 3}
    assert crm["oldest_open"] == "2026-11-22T12:01:00.000+00:00"
    assert erp["states"]["submitted"] == 0
    assert erp["missed_events"]["7d"] == {"missed": 0, "arrivals": 0, "rate": None}


async def test_status_tells_how_long_claims_took() -> None:
    """The lag of an event is its way to us; that of a sweep is what a lost event costs."""
    world = World()
    await world.reconciler.run()
    late = world.landing.upload("landing/crm/late.csv")
    world.landing.upload("landing/crm/lost.csv")
    world.clock.advance(3)
    await world.deliver(late)
    world.clock.advance(597)
    await world.reconciler.run()

    crm = (await read(world))["rules"][0]

    assert crm["lag_seconds"] == {
        "event": {"count": 1, "p50": 3.0, "p95": 3.0, "max": 3.0},
        "sweep": {"count": 1, "p50": 600.0, "p95": 600.0, "max": 600.0},
    }


async def test_status_tells_what_is_proven() -> None:
    """Each rule's proof is its watermark; all rules together are proven up to the earliest of them."""
    world = World()
    standings = [await world.bookkeeping.activate(rule, START - timedelta(days=1)) for rule in ("crm", "erp")]
    proofs = [START - timedelta(hours=1), START - timedelta(hours=3)]
    await world.bookkeeping.save_standings(
        [replace(standing, low_watermark=proof) for standing, proof in zip(standings, proofs, strict=True)]
    )

    status = await read(world)

    assert [rule["proven_up_to"] for rule in status["rules"]] == [
        "2026-11-22T11:00:00.000+00:00",
        "2026-11-22T09:00:00.000+00:00",
    ]
    assert [rule["proof_lag_seconds"] for rule in status["rules"]] == [3600.0, 10800.0]
    assert status["totals"]["proven_up_to"] == "2026-11-22T09:00:00.000+00:00"
    assert status["totals"]["proof_lag_seconds"] == 10800.0


async def test_nothing_is_proven_before_each_rule_is_swept() -> None:
    """One rule without a proof leaves all together without one; a disabled rule takes no files and needs none."""
    world = World()
    await world.bookkeeping.activate("crm", START)
    unproven = await read(world)

    world.restart(RULES.replace("name: erp", "name: erp\n    enabled: false"))
    proven = await read(world)

    assert unproven["totals"]["proven_up_to"] is None
    assert proven["totals"]["proven_up_to"] == "2026-11-22T12:00:00.000+00:00"
    assert [rule["enabled"] for rule in proven["rules"]] == [True, False]


async def test_status_names_rules_that_are_gone() -> None:
    """What a deleted rule left behind is still shown, as inactive."""
    world = World()
    await world.reconciler.run()
    world.restart(RULES.replace("name: crm", "name: new"))

    rules = {rule.rule: (rule.active, rule.enabled) for rule in (await world.status.read()).rules}

    assert rules == {"crm": (False, False), "erp": (True, True), "new": (True, True)}


async def test_renamed_rule_keeps_its_past() -> None:
    """A rule is shown once, under its name of today, with what was recorded under the first that it had."""
    world = World()
    await world.drop("landing/crm/a.csv")
    await world.bookkeeping.activate("crm", START)
    crm, erp = world.rules
    renamed = Rules([replace(crm, name="customers", renamed_from=("clients", "crm")), erp])
    reader = StatusReader(
        rule_book=ShippedRules(renamed, "rules.yaml"),
        entries=world.entries,
        bookkeeping=world.bookkeeping,
        clock=world.clock,
    )

    customers, other = (await reader.read()).as_json()["rules"]

    assert (customers["rule"], customers["ledger_name"]) == ("customers", "crm")
    assert customers["renamed_from"] == ["clients", "crm"]
    assert customers["states"]["submitted"] == 1
    assert customers["baseline"] == "2026-11-22T12:00:00.000+00:00"
    assert other["renamed_from"] == []


async def test_status_shows_breaker_and_last_pass() -> None:
    """Why a rule waits, and when the timer last ran, are part of the answer; all of it is JSON."""
    world = World()
    world.databricks.fail_next(JobMissing("Job 7 does not exist."))
    await world.drop("landing/crm/a.csv")
    await world.reconciler.run()
    world.clock.advance(90)

    status = await read(world)

    assert status["rules"][0]["breaker"]["reason"] == "Job 7 does not exist."
    assert status["last_pass"]["started_at"] == "2026-11-22T12:00:00.000+00:00"
    assert status["last_pass_age_seconds"] == 90.0


async def test_status_shows_what_the_last_pass_counted_of_a_rule() -> None:
    """Whatever the sweeps of the last pass have counted is shown as it is, under the rule."""
    world = World()
    summary = {
        "started_at": START.isoformat(),
        "sweeps": {"crm": {"listed": 7, "pages": 1, "complete": True}},
        "deep_sweeps": {"crm": {"listed": 900, "missed": 1, "complete": False}},
    }
    await world.bookkeeping.save_pass(summary)

    crm, erp = (await read(world))["rules"]

    assert crm["last_sweep"] == {"listed": 7, "pages": 1, "complete": True}
    assert crm["last_deep_sweep"] == {"listed": 900, "missed": 1, "complete": False}
    assert (erp["last_sweep"], erp["last_deep_sweep"]) == (None, None)


@pytest.mark.parametrize("summary", [{}, {"too_long": True}, {"sweeps": None}, {"sweeps": {"crm": 7}}])
async def test_status_takes_a_pass_that_tells_less(summary: dict[str, Any]) -> None:
    """A summary of another version, or one cut short, hides its own facts and no others."""
    world = World()
    await world.bookkeeping.save_pass(summary)

    status = await read(world)

    assert status["last_pass"] == summary
    assert status["last_pass_age_seconds"] is None
    assert status["rules"][0]["last_sweep"] is None


async def test_real_pass_is_shown_under_its_rules() -> None:
    """What the status looks for is what a pass writes."""
    world = World()
    world.landing.upload("landing/crm/lost.csv")
    await world.reconciler.run()
    world.clock.advance(600)
    await world.reconciler.run()

    crm, _ = (await read(world))["rules"]

    assert crm["last_sweep"]["listed"] == 1
    assert crm["last_sweep"]["complete"] is True


async def test_status_before_the_first_pass_has_no_heartbeat() -> None:
    """Nothing is made up where nothing has run yet."""
    status = await read(World())

    assert (status["last_pass"], status["last_pass_age_seconds"]) == (None, None)
    assert [rule["last_sweep"] for rule in status["rules"]] == [None, None]


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
    assert (status.rules[0].counts.states["settled"], status.rules[0].counts.states["submitted"]) == (0, 1)
    assert status.rules[0].counts.missed_events["7d"].arrivals == 2


async def test_window_longer_than_all_rates_is_read() -> None:
    """A month is counted where a month is asked for, although no rate is of more than a week."""
    world = World()
    await world.drop("landing/crm/a.csv")
    world.databricks.end(101, Verdict.SUCCEEDED)
    world.clock.advance(60)
    await world.reconciler.run()
    world.clock.advance(20 * 24 * 3600)

    status = await world.status.read(timedelta(days=30))

    assert status.rules[0].counts.results["succeeded"] == 1
    assert status.rules[0].counts.missed_events["7d"].arrivals == 0


async def test_endless_window_is_all_there_ever_was() -> None:
    """A window that reaches back before there were dates is no mistake."""
    status = await World().status.read(timedelta(days=999_999))

    assert status.as_json()["since"] == "1970-01-01T00:00:00.000+00:00"


async def test_duplicates_of_all_partitions_add_up() -> None:
    """Partitions are counted at the same time, and none overwrites another's count."""
    world = World()
    for number in range(12):
        uploaded = world.landing.upload(f"landing/crm/{number}.csv")
        await world.deliver(uploaded)
        await world.deliver(uploaded)

    status = await world.status.read()

    assert status.rules[0].counts.duplicates == 12
    assert status.totals.duplicates == 12


async def test_backfill_is_counted_and_not_missed() -> None:
    """What a person asked for tells nothing of how well events arrive."""
    world = World()
    for number, source in enumerate([Source.BACKFILL, Source.EVENT]):
        await world.entries.claim(entry("crm", arrival(f"crm/{number}.csv", source=source)))

    crm = (await read(world))["rules"][0]

    assert (crm["backfilled"], crm["missed"]) == (1, 0)
    assert crm["missed_events"]["1h"]["arrivals"] == 1
    assert crm["states"]["pending"] == 2


async def test_status_says_when_the_ledger_is_away() -> None:
    """A ledger that cannot be read is an error, never a row of zeros."""
    world = World()
    await world.drop("landing/crm/a.csv")
    assert (await world.only_entry()).state is State.SUBMITTED
    world.table.down = True

    with pytest.raises(LedgerUnavailable):
        await world.status.read()
