"""Asking for a backfill: for which rule, and where that is listed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.backfill.places import places_of
from shared.backfill_request import BackfillRequest
from shared.errors import RequestError
from tests.fakes.world import World

RULES = """
version: 1
rules:
  - {name: crm, path: "landing/{source:crm|erp}/{date:%Y-%m-%d}/{name}.csv", job: {id: 7}}
  - {name: any, path: "in-*/x/{name}.csv", job: {id: 8}}
  - {name: idle, path: "landing/off/*.csv", job: {id: 9}, enabled: false}
"""


async def places(world: World, rule: str, prefix: str = "") -> list[str]:
    """Return the places of one rule below a prefix."""
    found = world.rules.by_name(rule)
    assert found is not None
    return [f"{place.container}/{place.prefix}" for place in await places_of([found], prefix, world.landing)]


@pytest.mark.parametrize(
    ("prefix", "listed"),
    [
        ("", ["landing/crm/", "landing/erp/"]),
        ("landing", ["landing/crm/", "landing/erp/"]),
        ("landing/", ["landing/crm/", "landing/erp/"]),
        ("landing/c", ["landing/crm/"]),
        ("landing/crm/2026-11", ["landing/crm/2026-11"]),
        ("landing/x", []),
        ("land", []),
    ],
)
async def test_prefix_and_rule_are_intersected(prefix: str, listed: list[str]) -> None:
    """All dates of the rule, as far as they lie below the prefix, and nothing else."""
    assert await places(World(RULES), "crm", prefix) == listed


async def test_container_pattern_means_the_containers_that_there_are() -> None:
    """Only where none is named the account is asked for them."""
    world = World(RULES)
    for container in ("in-b", "in-a", "other"):
        world.landing.upload(f"{container}/x/1.csv")

    assert await places(world, "any") == ["in-a/x/", "in-b/x/"]
    assert await places(world, "any", "in-b/x/1") == ["in-b/x/1"]
    assert await places(world, "any", "other/") == []


async def test_former_name_of_a_rule_names_it() -> None:
    """A backfill is kept under the name that the ledger has, so that a rename does not stop it."""
    world = World(RULES.replace("{name: crm,", "{name: customers, renamed_from: crm,"))

    by_new = await world.backfill_orders.ask(BackfillRequest(rule="customers", asked_by="ada"))
    by_old = await world.backfill_orders.ask(BackfillRequest(rule="crm", asked_by="ada"))

    assert by_new.rule == by_old.rule == "crm"
    assert by_new.id != by_old.id


async def test_disabled_rule_is_refused() -> None:
    """It would start nothing, so that claims for it would be wrong."""
    world = World(RULES)

    with pytest.raises(RequestError, match="The rule idle is disabled"):
        await world.backfill_orders.ask(BackfillRequest(rule="idle", asked_by="ada"))


async def test_recent_has_running_ones_of_any_age() -> None:
    """What still runs is shown, whenever it was asked for."""
    world = World(RULES)
    old = await world.backfill_orders.ask(BackfillRequest(rule="crm", asked_by="ada"))
    ended = await world.backfill_orders.ask(BackfillRequest(rule="crm", asked_by="ada"))
    await world.backfill_orders.cancel(ended.id)
    world.clock.advance(90 * 86400)
    young = await world.backfill_orders.ask(BackfillRequest(rule="any", asked_by="ada"))

    assert [each.id for each in await world.backfill_orders.recent(timedelta(days=30))] == [young.id, old.id]


async def test_event_of_a_renamed_directory_ends_as_runs() -> None:
    """One event for a subtree: its files run at once, by their rules, as of the time of the rename."""
    world = World()
    for number in range(2):
        world.landing.upload(f"landing/crm/{number}.csv")
    world.clock.advance(90 * 86400)
    await world.reconciler.run()
    event = """[{"id": "e-1", "eventType": "Microsoft.Storage.DirectoryRenamed", "eventTime": "2027-02-20T11:59:00Z",
        "topic": "/subscriptions/s/providers/Microsoft.Storage/storageAccounts/devstoreaccount1",
        "subject": "/blobServices/default/containers/landing/blobs/crm", "data": {"api": "RenameFile"}}]"""

    for _ in range(2):
        await world.intake.receive(event, world.deadline())
        await world.backfiller.lend_a_hand(world.deadline())

    assert len(world.databricks.runs) == 2
    assert {entry.arrival.committed_at.isoformat() for entry in await world.all_entries()} == {
        "2027-02-20T11:59:00+00:00"
    }
    (backfill,) = await world.backfill_orders.recent(timedelta(days=1))
    assert (backfill.rule, backfill.prefix, backfill.counts["claimed"]) == ("", "landing/crm/", 2)
