"""A pass that something ended, with its process, must not end every later one at the same place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes.world import RULES, World

MINUTE = 60.0
FOUND, WAITING, RUNNING = "landing/crm/lost.csv", "landing/crm/waiting.csv", "landing/crm/running.csv"
STEPS = {
    "redrive": "shared.redrive.Redriver.redrive",
    "settle": "shared.redrive.Redriver.settle",
    "gather": "shared.gather.Gatherer.gather",
    "dead letters": "shared.dead_letters.DeadLetters.take_in",
    "sweep": "shared.sweep.Sweeper.sweep",
    "backfills": "shared.backfill.Backfiller.advance",
}


class Killed(BaseException):
    """The process dies: out of memory, or the host's patience with it has ended."""


def kills(*_: object, **__: object) -> object:
    """Stand where a step stands, and end the process."""
    raise Killed


async def die_often(world: World, taken: list[str], times: int = 40) -> None:
    """Let passes begin, each in a new process, until they are killed."""
    for _ in range(times):
        world.clock.advance(MINUTE)
        world.restart(RULES)
        with pytest.raises(Killed):
            await world.reconciler.run()
    assert taken


def recorded(step: str, taken: list[str]) -> Callable[..., object]:
    """Return what stands where a step stands, and notes that it was reached."""

    async def note(*_: object, **__: object) -> None:
        taken.append(step)

    return note


@pytest.mark.parametrize("deadly", STEPS)
async def test_no_step_keeps_the_others_from_their_turn(deadly: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever step ends the process, every other one is reached by some of the passes."""
    world = World()
    taken: list[str] = []
    for step, place in STEPS.items():
        monkeypatch.setattr(place, kills if step == deadly else recorded(step, taken))

    await die_often(world, taken)

    assert set(taken) == set(STEPS) - {deadly}


async def test_row_that_ends_every_pass_hides_no_lost_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where redriving kills the process, the sweep still finds what was missed and starts it."""
    world = World()
    await world.reconciler.run()
    world.clock.advance(MINUTE)
    world.landing.upload(FOUND)  # its event is lost
    monkeypatch.setattr(STEPS["redrive"], kills)

    await die_often(world, ["the passes themselves"], times=20)

    assert [entry.arrival.full_path for entry in await world.all_entries()] == [FOUND]
    assert len(world.databricks.runs) == 1


async def test_pass_after_one_that_ended_takes_its_steps_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Overdue entries come first while all is well: nothing is shuffled, and nothing more is asked of the ledger."""
    world = World()
    await world.reconciler.run()
    taken: list[str] = []
    for step, place in STEPS.items():
        monkeypatch.setattr(place, recorded(step, taken))

    for _ in range(5):
        await world.reconciler.run()

    assert taken == [*STEPS] * 5


async def test_pass_that_was_cut_short_in_a_living_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host may give up an invocation and keep the process."""
    world = World()
    await world.reconciler.run()
    taken: list[str] = []
    for step, place in STEPS.items():
        monkeypatch.setattr(place, kills if step == "redrive" else recorded(step, taken))

    for _ in range(20):
        with pytest.raises(Killed):
            await world.reconciler.run()

    assert "sweep" in taken
