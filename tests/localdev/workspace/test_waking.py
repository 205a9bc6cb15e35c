"""Waiting for an event or a moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from localdev.workspace.flow.waking import woken_or_due
from tests.fakes.waiting import give_way, until
from tests.localdev.workspace.kit import START, StandingClock

SOON = START + timedelta(seconds=10)


async def test_moment_ends_the_wait(clock: StandingClock) -> None:
    """Not before it has come."""
    wait = asyncio.create_task(woken_or_due(asyncio.Event(), SOON, clock))
    await until(lambda: clock.sleepers == 1)
    clock.advance(seconds=9)
    await give_way()
    before = wait.done()
    clock.advance(seconds=1)

    await asyncio.wait_for(wait, 5)

    assert before is False


async def test_moment_that_comes_at_once_is_not_missed(clock: StandingClock) -> None:
    """Although the clock moves between the wish and the sleep: both begin in turns of the loop of their own."""
    wait = asyncio.create_task(woken_or_due(asyncio.Event(), SOON, clock))
    await asyncio.sleep(0)  # the wish is there, and the sleep has not begun
    sleepers = clock.sleepers
    clock.advance(seconds=10)

    await asyncio.wait_for(wait, 5)

    assert sleepers == 0


async def test_event_ends_the_wait(clock: StandingClock) -> None:
    """Whatever is due later, or if nothing is."""
    for due in (SOON, None):
        woken = asyncio.Event()
        wait = asyncio.create_task(woken_or_due(woken, due, clock))
        await give_way()
        before = wait.done()
        woken.set()

        await asyncio.wait_for(wait, 5)

        assert before is False
