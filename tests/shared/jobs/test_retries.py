from __future__ import annotations

import random
from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import Deadline
from shared.errors import JobsBusy, JobsError, JobsUnknown
from shared.jobs import JobsClient
from shared.jobs.retry_pace import LONGEST_RETRY_AFTER, RetryPace, retry_after
from shared.model import RunRequest
from tests.fakes.manual_clock import START, ManualClock
from tests.shared.jobs.scripted_server import Action, ScriptedServer, says

BUSY = says(429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"})
STARTED = says(200, {"run_id": 1})


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(BUSY, id="429"),
        pytest.param(says(429), id="429 without a body"),
        pytest.param(says(400, {"error_code": "COULD_NOT_ACQUIRE_LOCK", "message": "lock"}), id="lock"),
        pytest.param(says(400, {"message": "RPC token bucket limit has been exceeded"}), id="bucket"),
        pytest.param(says(500, {"error_code": "INTERNAL_ERROR", "message": "try again later"}), id="500"),
        pytest.param(says(502, b"<html>bad gateway"), id="502"),
        pytest.param(says(503, {"error_code": "TEMPORARILY_UNAVAILABLE"}), id="503"),
        pytest.param(says(504), id="504"),
    ],
)
async def test_passing_trouble_is_waited_out(
    server: ScriptedServer,
    jobs: JobsClient,
    clock: ManualClock,
    request_to_run: RunRequest,
    deadline: Deadline,
    answer: Action,
) -> None:
    """Throttling and server errors are tried again, with the same bytes, after longer and longer waits."""
    server.will(answer, answer, answer, STARTED)

    assert await jobs.run_now(request_to_run, deadline) == 1

    assert clock.slept == [1, 2, 4]
    assert len({request.body for request in server.received}) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, JobsBusy), (500, JobsUnknown), (502, JobsUnknown), (503, JobsUnknown), (504, JobsUnknown)],
)
async def test_lasting_trouble_ends_before_the_deadline(
    server: ScriptedServer,
    jobs: JobsClient,
    clock: ManualClock,
    request_to_run: RunRequest,
    status: int,
    kind: type[JobsError],
) -> None:
    """A wait that would pass the deadline is not begun. Throttled: nothing was started; 5xx: nobody knows."""
    server.always(says(status, {"error_code": "X", "message": "trouble"}))

    with pytest.raises(JobsError, match=f"{status} X to jobs/run-now: trouble") as caught:
        await jobs.run_now(request_to_run, Deadline(clock, 4))

    assert type(caught.value) is kind
    assert clock.slept == [1, 2]


async def test_server_error_is_unknown_whatever_it_says(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """A throttled 400 started nothing; a 500 with the same words proves nothing."""
    server.always(says(500, {"error_code": "COULD_NOT_ACQUIRE_LOCK", "message": "lock"}))

    with pytest.raises(JobsUnknown):
        await jobs.run_now(request_to_run, deadline)


async def test_server_may_ask_for_a_longer_wait(
    server: ScriptedServer, jobs: JobsClient, clock: ManualClock, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """Retry-After is the least we wait, in seconds or as a date."""
    date = format_datetime(START + timedelta(seconds=5 + 3), usegmt=True)
    server.will(says(429, retry_after="5"), says(429, retry_after=date), STARTED)

    await jobs.run_now(request_to_run, deadline)

    assert clock.slept == [5, 3]


async def test_too_long_a_wait_is_left_to_the_caller(
    server: ScriptedServer, jobs: JobsClient, clock: ManualClock, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """The caller learns how long Databricks wants it to wait, and is not kept waiting here."""
    server.will(says(429, retry_after="60"))

    with pytest.raises(JobsBusy) as caught:
        await jobs.run_now(request_to_run, deadline)

    assert caught.value.retry_after == 60
    assert clock.slept == []


async def test_reading_is_tried_again_too(
    server: ScriptedServer, jobs: JobsClient, clock: ManualClock, deadline: Deadline
) -> None:
    """Reads are safe to repeat."""
    server.will(says(503), BUSY, says(200, {"run_id": 4}))

    run = await jobs.get_run(4, deadline)

    assert run is not None
    assert clock.slept == [1, 2]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("-3", 0),
        ("1000000000", LONGEST_RETRY_AFTER),
        ("9" * 400, LONGEST_RETRY_AFTER),
        ("9" * 5000, 0),
        ("1e9", 0),
        ("nan", 0),
        ("inf", 0),
        ("", 0),
        ("soon", 0),
        ("5, 10", 0),
        ("٣", 0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sun, 22 Nov 2026 12:00:30 -0000", 30),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LONGEST_RETRY_AFTER),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Sun, 99 Nov 2026 12:00:30 GMT", 0),
    ],
)
def test_retry_after_is_read_with_care(text: str, seconds: float) -> None:
    """Seconds or an HTTP date, within bounds; anything else asks for nothing."""
    assert retry_after(text, START) == seconds


@given(st.text() | st.from_regex(r"[+-]?[0-9]{0,30}[.e]?[0-9]{0,30}") | st.datetimes().map(format_datetime))
def test_retry_after_is_always_within_bounds(text: str) -> None:
    """Whatever a server sends, the wait is a number from 0 to the greatest."""
    assert 0 <= retry_after(text, START) <= LONGEST_RETRY_AFTER


@given(st.integers(), st.floats(0, LONGEST_RETRY_AFTER))
def test_waits_grow_and_stay_random(seed: int, asked_for: float) -> None:
    """Full jitter: from 0 up to a ceiling that doubles from 1 s to 30 s, never less than was asked for."""
    pace = RetryPace(random.Random(seed))

    waits = [pace.next_wait(0) for _ in range(8)]

    assert all(0 <= wait <= ceiling for wait, ceiling in zip(waits, [1, 2, 4, 8, 16, 30, 30, 30], strict=True))
    assert pace.next_wait(asked_for) >= asked_for
