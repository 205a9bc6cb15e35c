"""A rule that claimed and was taken away before any pass saw it is a former rule like all others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.errors import JobsBusy, LedgerUnavailable
from shared.ledger import Bookkeeping
from shared.model import Entry, State
from tests.fakes.manual_clock import START
from tests.fakes.world import World

PLACE, MINUTE = "landing/crm/a.csv", 60.0
CRM = '{name: crm, path: "landing/crm/{name}.csv", job: {name: ETL}}'
CRM_IS_OFF = CRM.replace("job:", "enabled: false, job:")
ERP = '{name: erp, path: "landing/erp/{name}.csv", job: {name: ETL}}'
ALL = '{name: all, path: "landing/**", job: {id: 8}}'


def rules(*written: str) -> str:
    """Return a rules file."""
    return "\n".join(["version: 1", "rules:", *(f"  - {rule}" for rule in written), ""])


async def pass_after(world: World, minutes: float) -> None:
    """Let time go by, then reconcile."""
    world.clock.advance(minutes * MINUTE)
    await world.reconciler.run()


async def waiting_world(*written: str) -> World:
    """Return a world that no pass has seen, where a file waits for its job."""
    world = World(rules(*written))
    del world.databricks.jobs["ETL"]
    await world.drop(PLACE)
    world.databricks.jobs["ETL"] = 7
    return world


async def entry_of(world: World) -> Entry:
    """Return the entry of the rule that was taken away."""
    (entry,) = [entry for entry in await world.all_entries() if entry.rule == "crm"]
    return entry


@pytest.mark.parametrize("later", [rules(ERP), rules(CRM_IS_OFF, ERP), rules(CRM_IS_OFF)])
async def test_rule_taken_away_before_any_pass_finishes_its_entries(later: str) -> None:
    """What a rule has claimed is finished, also where the first pass comes after the rule was removed or disabled."""
    world = await waiting_world(CRM)
    world.restart(later)

    for _ in range(2):
        await pass_after(world, 20)

    assert (await entry_of(world)).state is State.SUBMITTED


async def test_its_entries_are_finished_while_blob_storage_is_away() -> None:
    """Finding its entries does not wait for the sweep."""
    world = World(rules(CRM))
    world.databricks.fail_next(JobsBusy("429"))
    await world.drop(PLACE)
    world.landing.down = True
    world.restart(rules(ERP))

    await pass_after(world, 4)

    assert (await entry_of(world)).state is State.SUBMITTED


@pytest.mark.parametrize("later", [rules(ALL), rules(CRM_IS_OFF, ALL)])
async def test_its_files_do_not_start_again_for_another_rule(later: str) -> None:
    """The rules in force when a file landed decided about it: the sweep gives it to no other one."""
    world = World(rules(CRM, ALL))
    await world.drop(PLACE)
    world.restart(later)

    for _ in range(3):
        await pass_after(world, 20)

    assert len(world.databricks.runs) == 1


async def test_its_late_event_starts_nothing_for_another_rule() -> None:
    """An event that comes again, before any pass, is of a file that the removed rule has had."""
    world = World(rules(CRM, ALL))
    arrival = world.landing.upload(PLACE)
    await world.deliver(arrival)
    world.restart(rules(ALL))
    world.clock.advance(20 * MINUTE)

    assert await world.deliver(arrival) == []
    assert len(world.databricks.runs) == 1


async def test_claim_waits_until_its_rule_is_written_down() -> None:
    """A claim whose rule cannot be written down would be found by nobody: it is not made, and the event comes again."""
    world = World(rules(CRM))
    arrival = world.landing.upload(PLACE)
    world.table.fails_after = 1  # its rule is not known, and then cannot be written down
    with pytest.raises(LedgerUnavailable):
        await world.deliver(arrival)

    assert await world.all_entries() == []


async def test_claim_moves_no_baseline() -> None:
    """A rule's baseline is the first pass that sees it in force, whatever it has claimed before."""
    world = World(rules(CRM))
    await world.drop(PLACE)
    before = await world.bookkeeping.standings()
    await pass_after(world, 5)

    baselines = {name: one.baseline for name, one in (await world.bookkeeping.standings()).items()}
    assert (before, baselines) == ({}, {"crm": START + timedelta(minutes=5)})


async def test_rule_is_written_down_once_in_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first event of a rule asks the ledger about it, and only a rule that no pass has seen is written."""
    world = World(rules(CRM))
    asked: list[str] = []
    announce = Bookkeeping.announce

    async def counted(self: Bookkeeping, rule: str) -> None:
        asked.append(rule)
        await announce(self, rule)

    monkeypatch.setattr(Bookkeeping, "announce", counted)
    await pass_after(world, 1)
    for name in "abc":
        await world.drop(f"landing/crm/{name}.csv")

    assert asked == ["crm"]
    assert await world.bookkeeping.claimants() == frozenset()
