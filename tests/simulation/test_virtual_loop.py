"""Virtual time: what waits, waits in order, and no real second passes."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.simulation.process import SimulatedClock
from tests.simulation.virtual_loop import Deadlock, VirtualLoop


def test_days_pass_in_no_time() -> None:
    """Whoever sleeps wakes at the virtual time that he asked for, at once."""
    loop, began = VirtualLoop(), time.monotonic()

    async def sleep() -> float:
        await SimulatedClock(loop).sleep(7 * 86_400)
        return loop.time()

    assert loop.run(sleep()) == 7 * 86_400
    assert time.monotonic() - began < 5


def test_sleepers_wake_in_the_order_of_time() -> None:
    """Tasks go on in the order of their timers, whatever the order of their beginning."""
    loop, woken = VirtualLoop(), list[float]()

    async def sleep(seconds: float) -> None:
        await SimulatedClock(loop).sleep(seconds)
        woken.append(seconds)

    async def all_of_them() -> None:
        await asyncio.gather(*(sleep(seconds) for seconds in (3.0, 0.1, 2.0)))

    loop.run(all_of_them())

    assert woken == [0.1, 2.0, 3.0]


def test_time_outs_are_virtual() -> None:
    """Time-outs of asyncio end when virtual time says so."""
    loop = VirtualLoop()

    async def wait() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await SimulatedClock(loop).sleep(90)
        return loop.time()

    assert loop.run(wait()) == 20


def test_waiting_for_nothing_is_an_error() -> None:
    """A history in which nothing can ever happen again says so and does not hang."""
    loop = VirtualLoop()

    async def wait() -> None:
        await loop.create_future()

    with pytest.raises(Deadlock):
        loop.run(wait())
