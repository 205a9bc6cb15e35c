"""Sweep: what is missed, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import LedgerUnavailable
from shared.ledger import Claim
from shared.model import Entry, Result, Source, State
from tests.fakes.manual_clock import START
from tests.fakes.world import RULES, World

MINUTE = 60.0
HOUR = 3600.0
GRACE = 5 * MINUTE
ONE_RULE = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {id: 7}
"""


@pytest.fixture
async def world() -> World:
    """Return a service whose rule has been active since START."""
    world = World(ONE_RULE)
    await world.reconciler.run()
    return world


async def swept(world: World, seconds: float = GRACE + MINUTE) -> dict[str, int | bool]:
    """Run one pass after so many seconds; return what the sweep of the rule counted."""
    world.clock.advance(seconds)
    done = await world.reconciler.run()
    return dict(done.summary()["sweeps"].get("crm", {}))


async def page_by_page(world: World) -> int:
    """Let the sweep of a pass have time for one page; return how many shards are done."""
    standings = await world.bookkeeping.standings()
    (found,) = await world.sweeper.sweep(world.rules, standings, world.deadline(0))
    return found.done


async def test_lost_event_is_found(world: World) -> None:
    """A file whose event never came runs after the grace period, and counts as missed."""
    world.landing.upload("landing/crm/lost.csv")

    counts = await swept(world)

    entry = await world.only_entry()
    assert counts["missed"] == 1
    assert (entry.state, entry.arrival.source) == (State.SUBMITTED, Source.SWEEP)
    assert entry.parameters["notebook_params"]["triggered_by"] == "sweep"


async def test_grace_gives_the_event_its_time(world: World) -> None:
    """A file younger than the grace period is left to its event."""
    world.landing.upload("landing/crm/young.csv")

    counts = await swept(world, GRACE - MINUTE)

    assert (counts["listed"], counts["early"], counts["complete"]) == (1, 1, True)
    assert await world.all_entries() == []


async def test_announced_file_is_known(world: World) -> None:
    """Event and listing give the same arrival the same key (invariant 4), without a read per blob."""
    for number in range(100):
        await world.drop(f"landing/crm/{number}.csv")
    world.clock.advance(GRACE + MINUTE)
    before = world.table.calls

    done = await world.reconciler.run()

    assert done.swept()["known"] == 100
    assert world.databricks.calls["run_now"] == 100
    assert world.table.calls - before < 50 + 2 * 100  # the settling of 100 runs is in it too


async def test_late_event_of_a_swept_file_is_a_duplicate(world: World) -> None:
    """Two hours late, an event finds that the sweep was there before."""
    arrival = world.landing.upload("landing/crm/late.csv")
    await swept(world)
    world.clock.advance(2 * HOUR)

    await world.deliver(arrival)

    assert len(world.databricks.runs) == 1


async def test_file_older_than_the_rule_does_not_fire() -> None:
    """Deploying a rule over a full container starts nothing: its baseline is its first sight."""
    world = World(ONE_RULE)
    for number in range(50):
        world.landing.upload(f"landing/crm/{number}.csv")
    world.clock.advance(MINUTE)
    await world.reconciler.run()

    counts = await swept(world)

    assert (counts["listed"], counts.get("missed"), counts["complete"]) == (50, None, True)
    assert await world.all_entries() == []


async def test_event_of_an_older_file_does_fire() -> None:
    """A file dropped in the minute before the first pass has its event, and that is enough."""
    world = World(ONE_RULE)
    arrival = world.landing.upload("landing/crm/first.csv")
    world.clock.advance(MINUTE)
    await world.reconciler.run()

    await world.deliver(arrival)

    assert len(world.databricks.runs) == 1


async def test_restart_and_reordering_fire_nothing(world: World) -> None:
    """Neither a deploy nor a change of the rules' order makes old files look new."""
    await world.drop("landing/crm/a.csv")
    world.restart(RULES)
    await swept(world)
    world.restart(ONE_RULE)
    await swept(world)

    assert len(world.databricks.runs) == 1


async def test_touched_file_is_recorded_and_not_run(world: World) -> None:
    """Setting metadata gives a new ETag and a new time, and no run."""
    await world.drop("landing/crm/a.csv")
    world.clock.advance(HOUR)
    world.landing.touch("landing/crm/a.csv")

    counts = await swept(world)
    again = await swept(world)

    results = [entry.result for entry in await world.all_entries()]
    assert counts["touched"] == 1
    assert again["known"] == 1
    assert Result.TOUCHED in results
    assert len(world.databricks.runs) == 1


async def test_overwrite_without_event_runs(world: World) -> None:
    """New content under an old name is a new version, also when no event said so."""
    await world.drop("landing/crm/a.csv", b"one")
    world.clock.advance(HOUR)
    world.landing.upload("landing/crm/a.csv", b"another")

    counts = await swept(world)

    assert counts["missed"] == 1
    assert len(world.databricks.runs) == 2


async def test_version_that_is_there_was_not_superseded(world: World) -> None:
    """When clocks disagreed and the newest version was taken for an older one, the sweep sets it right."""
    first = world.landing.upload("landing/crm/a.csv", b"one")
    second = world.landing.upload("landing/crm/a.csv", b"two")
    world.clock.advance(MINUTE)
    await world.deliver(replace(first, committed_at=world.clock.now()))
    (claim,) = await world.deliver(second)
    assert claim.entry.result is Result.SUPERSEDED

    await swept(world)
    again = await swept(world)

    entry = await world.entries.read("crm", second, claim.entry.key)
    assert entry is not None
    assert (entry.state, entry.result) == (State.SUBMITTED, None)
    assert again["known"] == 1
    assert len(world.databricks.runs) == 2


async def test_large_upload_without_md5_runs_flagged(world: World) -> None:
    """What might be a touch of a block upload runs: losing a file would be worse."""
    arrival = world.landing.upload("landing/crm/big.csv", in_blocks=True)
    await world.deliver(arrival)
    world.clock.advance(HOUR)
    world.landing.touch("landing/crm/big.csv")
    await swept(world)

    flagged = [entry.ambiguous_touch for entry in await world.all_entries()]
    assert flagged == [False, True]


async def test_sweep_takes_the_version_that_is_there(world: World) -> None:
    """A file overwritten between the listing and the claim is left to its new version."""
    world.landing.upload("landing/crm/a.csv", b"one")
    world.clock.advance(GRACE + MINUTE)
    identify = world.landing.identify

    async def overwritten_meanwhile(arrival: object) -> object:
        world.landing.upload("landing/crm/a.csv", b"two")
        return await identify(arrival)  # type: ignore[arg-type]  # passed on as it came

    world.landing.identify = overwritten_meanwhile  # type: ignore[assignment,method-assign]  # the race, made to happen
    done = await world.reconciler.run()

    assert done.swept()["early"] == 1
    assert await world.all_entries() == []


async def test_file_that_is_gone_is_not_run(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A file removed between the listing and the claim leaves one line."""
    caplog.set_level("INFO")
    world.landing.upload("landing/crm/a.csv")
    world.clock.advance(GRACE + MINUTE)
    identify = world.landing.identify

    async def removed_meanwhile(arrival: object) -> object:
        world.landing.delete("landing/crm/a.csv")
        return await identify(arrival)  # type: ignore[arg-type]  # passed on as it came

    world.landing.identify = removed_meanwhile  # type: ignore[assignment,method-assign]  # the race, made to happen
    done = await world.reconciler.run()

    assert done.swept()["gone"] == 1
    assert "arrival.vanished path=landing/crm/a.csv" in caplog.text


async def test_file_of_another_rule_is_not_this_rules(world: World) -> None:
    """Rules that share a prefix sweep their own files only."""
    world.restart(ONE_RULE.replace("{name}.csv", "{name}.*") + ONE_RULE.split("rules:")[1].replace("crm\n", "csv\n"))
    await world.reconciler.run()
    world.clock.advance(1)
    world.landing.upload("landing/crm/a.csv")
    await swept(world)

    assert [entry.rule for entry in await world.all_entries()] == ["crm"]


async def test_watermark_follows_complete_sweeps(world: World) -> None:
    """After a complete pass everything before its start, less grace and overlap, is proven complete."""
    await swept(world, HOUR)

    standing = (await world.bookkeeping.standings())["crm"]
    assert standing.low_watermark == START + timedelta(hours=1) - timedelta(minutes=10) - timedelta(seconds=GRACE)


async def test_failing_listing_keeps_its_watermark_and_says_so(world: World) -> None:
    """A prefix that cannot be listed proves nothing, and other rules are swept all the same."""
    world.restart(RULES.replace('path: "landing/erp', 'path: "erp'))
    await world.reconciler.run()
    world.landing.failing.add("landing")
    world.clock.advance(HOUR)
    done = await world.reconciler.run()

    standings = await world.bookkeeping.standings()
    assert standings["crm"].low_watermark == START
    assert standings["erp"].low_watermark > START
    assert done.failures == ["sweep: Could not list landing."]


async def test_ledger_that_fails_one_file_costs_no_other_its_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files beside it are claimed, nothing is proven past it, and the next pass claims it."""
    claim = world.entries.claim
    failed: list[Entry] = []

    async def failing(entry: Entry, **options: Any) -> Claim:
        if entry.arrival.path == "crm/b.csv" and not failed:
            failed.append(entry)
            raise LedgerUnavailable("Could not write to the ledger: HTTP 503.")
        return await claim(entry, **options)

    monkeypatch.setattr(world.entries, "claim", failing)
    arrivals = [world.landing.upload(f"landing/crm/{name}.csv") for name in "abc"]

    found = await swept(world)
    standing = (await world.bookkeeping.standings())["crm"]
    again = await swept(world, MINUTE)

    assert (found["missed"], found["failed"], found["complete"]) == (2, 1, True)
    assert standing.low_watermark <= arrivals[1].committed_at
    assert again["missed"] == 1
    assert len(world.databricks.runs) == 3


async def test_long_outage_widens_the_window(world: World) -> None:
    """After a week without listings, everything since the last complete sweep is looked at."""
    world.landing.failing.add("landing")
    world.landing.upload("landing/crm/a.csv")
    for _ in range(7):
        await swept(world, 24 * HOUR)
    world.landing.failing.clear()

    assert (await swept(world))["missed"] == 1


async def test_file_that_was_too_young_survives_an_outage() -> None:
    """A file that a complete sweep left to its event is still found after an outage longer than the look-back."""
    world = World(ONE_RULE, RECONCILE_GRACE="1h", RECONCILE_LOOK_BACK="2h")
    await world.reconciler.run()
    world.clock.advance(HOUR)
    world.landing.upload("landing/crm/young.csv")
    await swept(world, HOUR / 2)
    world.landing.down = True
    await swept(world, 72 * HOUR)
    world.landing.down = False

    assert (await swept(world))["missed"] == 1


async def test_old_files_leave_the_window(world: World) -> None:
    """What is older than the look-back and proven complete costs no comparison."""
    await world.drop("landing/crm/a.csv")
    for _ in range(4):
        counts = await swept(world, 24 * HOUR)

    assert "known" not in counts


async def test_unfinished_sweep_goes_on_where_it_stopped(world: World) -> None:
    """A listing that does not fit into a pass is finished by the next ones, and only then is complete."""
    world.landing.page_size = 10
    for number in range(35):
        world.landing.upload(f"landing/crm/{number:02d}.csv")
    world.clock.advance(GRACE + MINUTE)

    done = [await page_by_page(world) for _ in range(4)]

    assert done == [0, 0, 0, 1]
    assert len(await world.all_entries()) == 35
    assert set(world.landing.cursors) == {"", "crm/10.csv", "crm/20.csv", "crm/30.csv"}


async def test_refused_cursor_is_dropped(world: World) -> None:
    """A cursor that the service does not take any more cannot block the sweep for ever."""
    world.landing.page_size = 1
    for name in ("a", "b"):
        world.landing.upload(f"landing/crm/{name}.csv")
    world.clock.advance(GRACE + MINUTE)
    await page_by_page(world)
    world.landing.failing.add("landing")
    await world.reconciler.run()
    world.landing.failing.clear()

    assert (await swept(world, MINUTE))["complete"] is True


async def test_rule_of_many_containers_sweeps_them_all() -> None:
    """A wildcard in the first segment means every container that fits."""
    world = World(ONE_RULE.replace("landing/crm", "landing-*/crm"))
    await world.reconciler.run()
    world.clock.advance(1)
    for container in ("landing-a", "landing-b", "other"):
        world.landing.upload(f"{container}/crm/a.csv")
    await swept(world)

    containers = [entry.arrival.container for entry in await world.all_entries()]
    assert containers == ["landing-a", "landing-b"]


async def test_only_the_static_prefix_is_listed(world: World) -> None:
    """What the rule cannot match is not even listed."""
    await swept(world)

    assert set(world.landing.listed) == {"landing/crm/"}
