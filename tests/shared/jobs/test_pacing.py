"""The pace at which one process calls: below the workspace's limits, in order, and slower when asked."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import Deadline
from shared.errors import JobsBusy
from shared.jobs import JobsClient
from shared.jobs.pacing import PUBLISHED, Pacing, TokenBucket
from shared.model import RunRequest
from tests.fakes.manual_clock import ManualClock
from tests.shared.jobs.scripted_server import ScriptedServer, says

LONG = 10_000.0


async def moments(clock: ManualClock, bucket: TokenBucket, calls: int) -> list[float]:
    """Return when each of so many calls in a row had leave."""
    found = []
    for _ in range(calls):
        await bucket.take(Deadline(clock, LONG))
        found.append(clock.monotonic())
    return found


async def test_a_second_of_calls_goes_at_once() -> None:
    """The limits are per second: what a quiet second has left over is not waited for, and then it is one by one."""
    clock = ManualClock()

    when = await moments(clock, TokenBucket(clock, 4), 9)

    assert when == pytest.approx([0, 0, 0, 0, 0, 0.25, 0.5, 0.75, 1])


@given(st.lists(st.floats(0, 3), max_size=30), st.integers(1, 20))
def test_no_second_holds_more_than_twice_the_rate(gaps: list[float], rate: int) -> None:
    """However calls come, any stretch of time has at most its share and one burst."""

    async def run() -> list[float]:
        clock = ManualClock()
        bucket = TokenBucket(clock, rate)
        found = []
        for gap in gaps:
            clock.advance(gap)
            found += await moments(clock, bucket, 3)
        return found

    when = asyncio.run(run())

    for first in range(len(when)):
        for last in range(first, len(when)):
            assert last - first <= rate * (when[last] - when[first]) + rate + 1e-3


async def test_too_late_is_said_at_once() -> None:
    """Who cannot wait so long learns when it would be their turn, and takes nobody's place."""
    clock = ManualClock()
    bucket = TokenBucket(clock, 1)
    await moments(clock, bucket, 3)

    with pytest.raises(JobsBusy, match=r"next turn is in 1\.0 s") as caught:
        await bucket.take(Deadline(clock, 0.5))

    assert caught.value.retry_after == pytest.approx(1)
    assert clock.monotonic() == 1
    assert await moments(clock, bucket, 1) == [2]


async def test_pause_is_for_everybody_and_keeps_the_pace() -> None:
    """After it calls go one by one, for the burst is lost; pauses that overlap do not add up."""
    clock = ManualClock()
    bucket = TokenBucket(clock, 2)
    bucket.pause(5)
    bucket.pause(3)
    bucket.pause(0)

    assert await moments(clock, bucket, 3) == pytest.approx([5, 5.5, 6])


async def test_pause_holds_those_who_wait_already() -> None:
    """Nobody's turn comes in a pause, and the order stays."""
    clock = ManualClock()
    bucket = TokenBucket(clock, 1)
    await moments(clock, bucket, 2)
    order: list[tuple[str, float]] = []

    async def one(name: str) -> None:
        await bucket.take(Deadline(clock, LONG))
        order.append((name, clock.monotonic()))

    waiting = asyncio.create_task(one("first"))
    bucket.pause(10)
    await waiting
    await one("second")

    assert order == [("first", 10), ("second", 11)]


async def test_turn_of_who_gave_up_goes_to_the_next() -> None:
    """A pause that is too long for all who wait does not cost the time for which they would have waited, too."""
    clock = ManualClock()
    bucket = TokenBucket(clock, 10)
    await moments(clock, bucket, 11)
    waiting = [asyncio.create_task(bucket.take(Deadline(clock, 10))) for _ in range(90)]
    await asyncio.sleep(0)
    bucket.pause(30)

    gave_up = await asyncio.gather(*waiting, return_exceptions=True)
    when = await moments(clock, bucket, 100)

    assert {type(each) for each in gave_up} == {JobsBusy}
    assert when[0] == pytest.approx(30, abs=0.2)
    assert sum(after - before < 0.09 for before, after in pairwise(when)) <= 1  # the refused call had a turn as well


async def test_throttled_call_slows_the_others(
    server: ScriptedServer, jobs: JobsClient, clock: ManualClock, request_to_run: RunRequest
) -> None:
    """A 429 to one caller keeps the next one from calling too early; other kinds of call go on."""
    server.will(says(429, retry_after="7"))
    server.always(says(200, {"run_id": 1}))
    with pytest.raises(JobsBusy):
        await jobs.run_now(request_to_run, Deadline(clock, 5))

    await jobs.get_run(1, Deadline(clock, 5))
    read_at = clock.monotonic()
    await jobs.run_now(request_to_run, Deadline(clock, 15))

    assert (read_at, clock.monotonic()) == (0, 7)


async def test_server_error_is_no_throttling(
    server: ScriptedServer, jobs: JobsClient, clock: ManualClock, request_to_run: RunRequest
) -> None:
    """What fails for another reason costs nobody else their turn."""
    server.will(says(503))
    with pytest.raises(Exception, match="503"):
        await jobs.run_now(request_to_run, Deadline(clock, 0.5))
    server.will(says(200, {"run_id": 1}))

    await jobs.run_now(request_to_run, Deadline(clock, 5))

    assert clock.monotonic() == 0


async def test_each_kind_of_call_has_its_own_share() -> None:
    """Half of each published limit at 50 percent; a path without one is not held back."""
    for path, limit in PUBLISHED.items():
        clock = ManualClock()
        pacing = Pacing(clock, 50)
        for _ in range(round(limit) + 1):
            await pacing.take(path, Deadline(clock, LONG))
        await pacing.take("jobs/none", Deadline(clock, 0.001))

        assert clock.monotonic() == pytest.approx(1, abs=0.5)
