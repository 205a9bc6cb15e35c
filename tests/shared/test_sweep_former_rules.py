"""Rules that are renamed, reordered, removed or disabled fire nothing that has landed before."""

from __future__ import annotations

import pytest

from tests.fakes.world import World

HOUR = 3600.0
BOTH = """
version: 1
rules:
  - name: particular
    path: "landing/crm/{name}.csv"
    job: {id: 7}
  - name: general
    path: "landing/**/{name}.*"
    job: {id: 8}
"""
OTHER_ORDER = """
version: 1
rules:
  - name: general
    path: "landing/**/{name}.*"
    job: {id: 8}
  - name: particular
    path: "landing/crm/{name}.csv"
    job: {id: 7}
"""
REMOVED = """
version: 1
rules:
  - name: general
    path: "landing/**/{name}.*"
    job: {id: 8}
"""
DISABLED = BOTH.replace("    job: {id: 7}\n", "    job: {id: 7}\n    enabled: false\n")
RENAMED = BOTH.replace("name: particular\n", "name: special\n    renamed_from: particular\n")


async def landed() -> World:
    """Return a service with both rules and a file that the particular one has started a run for."""
    world = World(BOTH)
    await world.reconciler.run()
    world.clock.advance(HOUR)
    await world.drop("landing/crm/a.csv")
    return world


@pytest.mark.parametrize(
    ("rules", "others"),
    [
        pytest.param(OTHER_ORDER, 1, id="reordered"),
        pytest.param(REMOVED, 1, id="removed"),
        pytest.param(DISABLED, 1, id="disabled"),
        pytest.param(RENAMED, 0, id="renamed"),
    ],
)
async def test_change_of_rules_fires_nothing_again(rules: str, others: int) -> None:
    """The rules in force when a file landed have decided about it."""
    world = await landed()
    world.restart(rules)
    world.clock.advance(HOUR)
    done = await world.reconciler.run()

    assert len(world.databricks.runs) == 1
    assert (done.swept()["elsewhere"], done.swept()["missed"]) == (others, 0)


async def test_missed_file_is_found_after_a_change_of_order() -> None:
    """What nobody has had is missed, whatever the order was."""
    world = await landed()
    world.landing.upload("landing/crm/lost.csv")
    world.restart(OTHER_ORDER)
    world.clock.advance(HOUR)
    await world.reconciler.run()

    assert sorted(entry.rule for entry in await world.all_entries()) == ["general", "particular"]


async def test_missed_file_of_a_renamed_rule_keeps_the_ledgers_name() -> None:
    """Entries before and after a rename are in one place."""
    world = await landed()
    world.restart(RENAMED)
    world.landing.upload("landing/crm/lost.csv")
    world.clock.advance(HOUR)
    done = await world.reconciler.run()

    assert {entry.rule for entry in await world.all_entries()} == {"particular"}
    assert set(done.summary()["sweeps"]) == {"special", "general"}


async def test_new_version_belongs_to_the_rules_of_today() -> None:
    """An overwrite is a new arrival: the rules in force when it lands decide."""
    world = await landed()
    world.restart(OTHER_ORDER)
    world.landing.upload("landing/crm/a.csv", b"new")
    world.clock.advance(HOUR)
    await world.reconciler.run()

    assert sorted(entry.rule for entry in await world.all_entries()) == ["general", "particular"]


async def test_rule_with_also_fires_beside_what_another_had() -> None:
    """Rules with `also` are in nobody's place."""
    both = BOTH.replace("    job: {id: 8}\n", "    job: {id: 8}\n    also: true\n")
    world = World(both)
    await world.reconciler.run()
    world.clock.advance(HOUR)
    world.landing.upload("landing/crm/lost.csv")
    world.clock.advance(HOUR)
    await world.reconciler.run()

    assert sorted(entry.rule for entry in await world.all_entries()) == ["general", "particular"]
