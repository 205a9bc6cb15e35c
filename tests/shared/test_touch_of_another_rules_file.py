"""A touch is compared with the file as any rule has had it: changed rules make no new file of it."""

from __future__ import annotations

import pytest

from shared.model import Result, Source
from tests.fakes.world import World

MINUTE = 60.0
PATH = "landing/crm/a.csv"
CRM = '  - {name: crm, path: "landing/crm/*.csv", job: {id: 7}}\n'
REST = '  - {name: rest, path: "landing/**", job: {id: 8}}\n'


def rules(*written: str) -> str:
    """Return a rules file."""
    return "version: 1\nrules:\n" + "".join(written)


BEFORE, AFTER = rules(CRM, REST), rules(REST, CRM)
CHANGES = {
    "changed places": (BEFORE, AFTER),
    "first one disabled": (BEFORE, rules(CRM.replace("job:", "enabled: false, job:"), REST)),
    "first one removed": (BEFORE, rules(REST)),
    "renamed without its former name": (rules(CRM), rules(CRM.replace("crm,", "special,"))),
    "new one before it": (rules(REST), rules(CRM, REST)),
}


async def landed(before: str = BEFORE) -> World:
    """Return a service over a file that has had its run, under these rules."""
    world = World(before)
    await world.reconciler.run()
    world.clock.advance(MINUTE)
    await world.drop(PATH)
    return world


async def passes(world: World, count: int = 10) -> None:
    """Let time pass and the timer fire."""
    for _ in range(count):
        world.clock.advance(MINUTE)
        await world.reconciler.run()


@pytest.mark.parametrize("change", CHANGES)
async def test_touch_after_the_rules_changed_starts_nothing(change: str) -> None:
    """Whichever rule is the file's now, its content has had its run."""
    before, after = CHANGES[change]
    world = await landed(before)
    world.restart(after)
    world.clock.advance(MINUTE)
    await world.reconciler.run()
    world.landing.touch(PATH)
    await passes(world)

    assert len(world.databricks.runs) == 1
    assert [entry.result for entry in await world.all_entries()] == [None, Result.TOUCHED]


async def test_new_content_after_the_rules_changed_runs() -> None:
    """Without its event, and as long as the former content: only the MD5 tells."""
    world = await landed()
    world.restart(AFTER)
    world.clock.advance(MINUTE)
    world.landing.upload(PATH, b"3,2,1")
    await passes(world)

    assert [(entry.rule, entry.arrival.source) for entry in await world.all_entries()] == [
        ("crm", Source.EVENT),
        ("rest", Source.SWEEP),
    ]
    assert len(world.databricks.runs) == 2


async def test_touch_is_compared_with_the_newest_version_of_all_rules() -> None:
    """A rule that had an older version is asked no more than the one that had the last."""
    world = await landed()
    world.restart(AFTER)
    world.clock.advance(MINUTE)
    await world.drop(PATH, b"3,2,1")  # is for `rest`
    await passes(world)
    world.restart(BEFORE)
    world.landing.touch(PATH)
    await passes(world)

    assert len(world.databricks.runs) == 2


async def test_content_of_long_ago_is_no_touch_of_what_came_between() -> None:
    """The first content again, without its event: what lay there meanwhile, for another rule, was other content."""
    world = await landed()
    await passes(world)
    world.restart(AFTER)
    await world.drop(PATH, b"3,2,1")  # is for `rest`
    await passes(world)
    world.restart(BEFORE)
    world.landing.upload(PATH)
    await passes(world)

    assert len(world.databricks.runs) == 3


async def test_touch_of_what_never_ran_for_another_rule_runs() -> None:
    """A file that was gone when its run was to start, and is there again with a new ETag, has had no run."""
    world = World(BEFORE)
    await world.reconciler.run()
    dropped = world.landing.upload(PATH)
    world.landing.delete(PATH)
    world.clock.advance(20 * MINUTE)
    await world.deliver(dropped)  # comes late: it has vanished
    world.restart(AFTER)
    world.landing.upload(PATH)
    await passes(world)

    assert [(entry.rule, entry.result) for entry in await world.all_entries()] == [
        ("crm", Result.VANISHED),
        ("rest", None),
    ]


async def test_event_of_what_was_taken_for_a_touch_of_anothers_file_runs() -> None:
    """Setting metadata sends no event: where one comes after all, somebody has written the same content again."""
    world = await landed()
    world.restart(AFTER)
    again = world.landing.upload(PATH)
    await passes(world)
    before = len(world.databricks.runs)
    await world.deliver(again)
    await passes(world, 1)

    assert (before, len(world.databricks.runs)) == (1, 2)


async def test_rule_beside_others_compares_with_its_own_files_only() -> None:
    """A rule with `also` that is added fires for what lands from then on, touched or not: it has had none of it."""
    world = await landed()
    world.restart(rules('  - {name: audit, also: true, path: "landing/**", job: {id: 9}}\n', CRM, REST))
    await passes(world, 1)
    world.landing.touch(PATH)
    await passes(world)

    assert [(entry.rule, entry.result) for entry in await world.all_entries() if entry.rule == "audit"] == [
        ("audit", None)
    ]
