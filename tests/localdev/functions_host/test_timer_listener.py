"""Timers: when they run, what they catch up on, and that a run never overlaps itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from localdev.functions_host.datums import NEVER_RAN, ScheduleStatus
from localdev.functions_host.in_flight import InFlight
from localdev.functions_host.schedule_status import StatusMemory
from localdev.functions_host.schedules import parse_schedule
from localdev.functions_host.timer_listener import Timer, TimerListener
from tests.fakes.manual_clock import ManualClock

if TYPE_CHECKING:
    import pytest
    from azure.functions.meta import Datum

# Not on any minute, so that "now" is never an occurrence by accident.
START = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


class Runs:
    """What a timer ran: when, and what it was told; blocks at the last of `count` runs."""

    def __init__(self, clock: ManualClock, count: int, *, takes: float = 0) -> None:
        self._clock = clock
        self._count = count
        self._takes = takes
        self._full = asyncio.Event()
        self.times: list[datetime] = []
        self.told: list[dict[str, Any]] = []

    async def run(self, datum: Datum) -> None:
        """Be the function."""
        self.times.append(self._clock.now())
        self.told.append(json.loads(datum.value))
        if len(self.times) == self._count:
            self._full.set()
            await asyncio.Event().wait()
        self._clock.advance(self._takes)

    async def full(self) -> None:
        """Wait for the last run."""
        await asyncio.wait_for(self._full.wait(), 10)


async def ran(
    clock: ManualClock,
    schedule: str,
    count: int,
    *,
    store: StatusMemory | None = None,
    on_startup: bool = False,
    takes: float = 0,
) -> Runs:
    """Listen until a timer has run `count` times."""
    runs = Runs(clock, count, takes=takes)
    await listened(clock, schedule, runs.run, runs.full, store=store, on_startup=on_startup)
    return runs


async def listened(
    clock: ManualClock,
    schedule: str,
    run: Callable[[Datum], Awaitable[None]],
    until: Callable[[], Awaitable[None]],
    *,
    store: StatusMemory | None = None,
    on_startup: bool = False,
) -> None:
    """Listen until `until` returns."""
    in_flight = InFlight()
    timer = Timer(function="tick", schedule=parse_schedule(schedule), run_on_startup=on_startup, store=store)
    task = asyncio.create_task(TimerListener(timer, run=run, in_flight=in_flight, clock=clock).listen())
    try:
        await until()
    finally:
        task.cancel()
        await in_flight.drain(0)
        await asyncio.wait([task])


def minutes(*numbers: float) -> list[datetime]:
    """Return moments by their minutes after noon."""
    return [datetime(2026, 11, 22, 12, tzinfo=UTC) + timedelta(minutes=number) for number in numbers]


async def test_runs_at_each_occurrence() -> None:
    """A timer runs at every time its schedule names, and is told it is on time."""
    runs = await ran(ManualClock(START), "0 */5 * * * *", 3, store=StatusMemory())

    assert runs.times == minutes(5, 10, 15)
    assert [told["IsPastDue"] for told in runs.told] == [False, False, False]


async def test_is_told_when_it_ran_last_and_is_due_next() -> None:
    """Each run is told the status as it stood before it."""
    runs = await ran(ManualClock(START), "0 */5 * * * *", 2, store=StatusMemory())

    assert runs.told[0]["ScheduleStatus"]["Last"] == NEVER_RAN.isoformat()
    assert runs.told[0]["ScheduleStatus"]["Next"] == minutes(5)[0].isoformat()
    assert runs.told[1]["ScheduleStatus"]["Last"] == minutes(5)[0].isoformat()
    assert runs.told[1]["ScheduleStatus"]["Next"] == minutes(10)[0].isoformat()


async def test_catches_up_once_for_all_it_missed() -> None:
    """After a downtime over many occurrences there is one run at once, told it is late, and then the next on time."""
    store = StatusMemory()
    store.write("tick", ScheduleStatus(last=minutes(-60)[0], next=minutes(-55)[0], last_updated=minutes(-60)[0]))

    runs = await ran(ManualClock(START), "0 */5 * * * *", 2, store=store)

    assert runs.times == minutes(0.5, 5)
    assert [told["IsPastDue"] for told in runs.told] == [True, False]


async def test_nothing_missed_is_nothing_caught_up() -> None:
    """A restart before the next occurrence waits for it."""
    store = StatusMemory()
    store.write("tick", ScheduleStatus(last=minutes(0)[0], next=minutes(5)[0], last_updated=minutes(0)[0]))

    runs = await ran(ManualClock(START), "0 */5 * * * *", 1, store=store)

    assert runs.times == minutes(5)


async def test_downtime_before_the_first_run_is_caught_up() -> None:
    """A timer that never ran still catches up on an occurrence since it was first seen."""
    store = StatusMemory()
    store.write("tick", ScheduleStatus(last=NEVER_RAN, next=minutes(-5)[0], last_updated=minutes(-7)[0]))

    runs = await ran(ManualClock(START), "0 */5 * * * *", 1, store=store)

    assert runs.times == minutes(0.5)
    assert runs.told[0]["IsPastDue"] is True


async def test_changed_schedule_is_not_late() -> None:
    """A schedule that is not the one the status was written for is reckoned anew, and nothing is caught up."""
    store = StatusMemory()
    store.write("tick", ScheduleStatus(last=minutes(-60)[0], next=minutes(-55)[0], last_updated=minutes(-60)[0]))

    runs = await ran(ManualClock(START), "0 */7 * * * *", 1, store=store)

    assert runs.times == minutes(7)
    assert runs.told[0]["IsPastDue"] is False


async def test_run_on_startup_runs_at_once() -> None:
    """run_on_startup runs at the start, on time by what it is told, and then by the schedule."""
    runs = await ran(ManualClock(START), "0 */5 * * * *", 2, store=StatusMemory(), on_startup=True)

    assert runs.times == minutes(0.5, 5)
    assert runs.told[0]["IsPastDue"] is False


async def test_late_start_runs_once_even_with_run_on_startup() -> None:
    """What is late already is not run a second time for run_on_startup."""
    store = StatusMemory()
    store.write("tick", ScheduleStatus(last=minutes(-10)[0], next=minutes(-5)[0], last_updated=minutes(-10)[0]))

    runs = await ran(ManualClock(START), "0 */5 * * * *", 2, store=store, on_startup=True)

    assert runs.times == minutes(0.5, 5)
    assert [told["IsPastDue"] for told in runs.told] == [True, False]


async def test_long_run_does_not_overlap_itself() -> None:
    """A run that outlasts the next occurrence is followed by one at once, and none runs beside another."""
    runs = await ran(ManualClock(START), "0 * * * * *", 3, store=StatusMemory(), takes=150)

    assert runs.times == minutes(1, 3.5, 6)


async def test_status_is_written_after_each_run() -> None:
    """After a run, the status holds the occurrence it ran for and the next."""
    store = StatusMemory()

    await ran(ManualClock(START), "0 */5 * * * *", 3, store=store)

    assert store.read("tick") == ScheduleStatus(last=minutes(10)[0], next=minutes(15)[0], last_updated=minutes(10)[0])


async def test_first_sight_is_written_before_any_run() -> None:
    """The first start writes when the timer is due, so that a downtime before the first run is noticed."""
    store = StatusMemory()

    await ran(ManualClock(START), "0 */5 * * * *", 1, store=store)

    assert store.read("tick") == ScheduleStatus(last=NEVER_RAN, next=minutes(5)[0], last_updated=START)


async def test_not_monitored_timer_is_told_nothing() -> None:
    """Without a store, there is no status to be told and nothing to catch up on."""
    runs = await ran(ManualClock(START), "*/20 * * * * *", 3)

    assert runs.times == minutes(40 / 60, 1, 80 / 60)
    assert all(told["ScheduleStatus"] is None for told in runs.told)


async def test_wall_clock_is_looked_at_while_waiting() -> None:
    """A long wait is made of short ones: a laptop that slept is late by seconds, not by the whole wait."""
    clock = ManualClock(START)

    await ran(clock, "0 0 15 * * *", 1, store=StatusMemory())

    assert max(clock.slept) <= 30


async def test_damaged_status_starts_anew(caplog: pytest.LogCaptureFixture) -> None:
    """A status that cannot be read is said to be so, and replaced."""

    class Damaged(StatusMemory):
        def read(self, function: str) -> ScheduleStatus | None:
            raise ValueError(f"{function}: damaged")

    runs = await ran(ManualClock(START), "0 */5 * * * *", 1, store=Damaged())

    assert runs.times == minutes(5)
    assert "timer.status_unreadable" in caplog.text


async def test_status_that_cannot_be_written_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A full disk is said to be so, and the timer runs on."""

    class Full(StatusMemory):
        def write(self, function: str, status: ScheduleStatus) -> None:
            raise OSError(28, f"no space for {function} {status.next}")

    runs = await ran(ManualClock(START), "0 */5 * * * *", 2, store=Full())

    assert runs.times == minutes(5, 10)
    assert "timer.status_not_written" in caplog.text


async def test_run_under_way_finishes_and_is_recorded() -> None:
    """A host that stops lets the run finish and writes that it ran."""
    store = StatusMemory()
    clock = ManualClock(START)
    in_flight = InFlight()
    started, release = asyncio.Event(), asyncio.Event()

    async def run(_: Datum) -> None:
        started.set()
        await release.wait()

    timer = Timer(function="tick", schedule=parse_schedule("0 */5 * * * *"), run_on_startup=False, store=store)
    task = asyncio.create_task(TimerListener(timer, run=run, in_flight=in_flight, clock=clock).listen())
    await started.wait()

    task.cancel()
    release.set()
    cut_short = await in_flight.drain(10)

    status = store.read("tick")
    assert cut_short == 0
    assert status is not None
    assert status.last == minutes(5)[0]
