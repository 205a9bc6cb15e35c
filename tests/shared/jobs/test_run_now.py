from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.clock import Deadline, SystemClock
from shared.errors import JobsBusy, JobsRefused, JobsUnauthorised, JobsUnknown
from shared.jobs import JobsClient, create_credentials
from shared.jobs.http_client import USER_AGENT
from shared.model import RunRequest
from shared.settings import DatabricksSettings
from tests.fakes.manual_clock import ManualClock
from tests.shared.jobs.conftest import TOKEN, Unlucky
from tests.shared.jobs.scripted_server import (
    Action,
    Received,
    RunBook,
    ScriptedServer,
    answers_half,
    drips,
    drops,
    floods,
    hangs,
    html,
    resets,
    says,
    speaks_no_http,
)

if TYPE_CHECKING:
    import httpx


async def test_run_now_sends_the_frozen_body(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """One request goes out: the frozen bytes, with our token and our name."""
    server.will(says(200, {"run_id": 455644833, "number_in_job": 455644833}))

    run_id = await jobs.run_now(request_to_run, deadline)

    assert run_id == 455644833
    (received,) = server.received
    assert (received.method, received.target) == ("POST", "/api/2.2/jobs/run-now")
    assert received.body == request_to_run.body.encode()
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"] == USER_AGENT


async def test_run_id_may_come_as_text(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """Ids are numbers or digits in a string."""
    server.will(says(200, {"run_id": "455644833"}))

    assert await jobs.run_now(request_to_run, deadline) == 455644833


@pytest.mark.parametrize("answer", [{}, {"run_id": None}], ids=str)
async def test_missing_run_id_names_continuous_jobs(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline, answer: object
) -> None:
    """A running continuous job answers 200 without a run id: nothing was started, nor will be."""
    server.will(says(200, answer))

    with pytest.raises(JobsRefused, match="without a run id") as caught:
        await jobs.run_now(request_to_run, deadline)

    assert "continuous" in caught.value.hint
    assert caught.value.status == 200


@pytest.mark.parametrize("odd", ["abc", 0, -1, True, 1.5, [1], {"id": 1}], ids=str)
async def test_odd_run_id_is_an_unknown_outcome(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline, odd: object
) -> None:
    """A run may have been started whose id nobody can read."""
    server.will(says(200, {"run_id": odd}))

    with pytest.raises(JobsUnknown):
        await jobs.run_now(request_to_run, deadline)


@pytest.mark.parametrize("misbehaviour", [drops, resets, answers_half, speaks_no_http, says(502), says(500)])
async def test_lost_answer_finds_the_same_run(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline, misbehaviour: Action
) -> None:
    """The run was started but its answer was lost: the same bytes again give the same run, and no second one."""
    book = RunBook()
    server.will(book.starts(then=misbehaviour), book.starts(then=misbehaviour), book.starts())

    run_id = await jobs.run_now(request_to_run, deadline)

    assert book.runs == {request_to_run.token: run_id}
    assert {request.body for request in server.received} == {request_to_run.body.encode()}
    assert len(server.received) == 3


@pytest.mark.parametrize("misbehaviour", [drops, resets, answers_half, speaks_no_http])
async def test_lost_answers_are_an_unknown_outcome(
    server: ScriptedServer,
    jobs: JobsClient,
    clock: ManualClock,
    request_to_run: RunRequest,
    deadline: Deadline,
    misbehaviour: Action,
) -> None:
    """When no attempt is answered, a run may exist."""
    server.always(misbehaviour)

    with pytest.raises(JobsUnknown, match="gave no answer to jobs/run-now") as caught:
        await jobs.run_now(request_to_run, deadline)

    assert caught.value.status == 0
    assert "same token" in caught.value.hint
    assert clock.slept == [1, 2, 4]  # the next would be 8, and 7 of 15 seconds are gone


async def test_unreachable_host_started_nothing(
    http: httpx.AsyncClient, settings: DatabricksSettings, clock: ManualClock, request_to_run: RunRequest
) -> None:
    """Without a connection nothing was sent, so the outcome is known: nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        nowhere = replace(settings, host=f"http://127.0.0.1:{taken.getsockname()[1]}")
        credentials = create_credentials(nowhere, http, clock)
        jobs = JobsClient(http, nowhere, credentials, clock, randomness=Unlucky())

        with pytest.raises(JobsBusy, match="could not be reached") as caught:
            await jobs.run_now(request_to_run, Deadline(clock, 2.5))

    assert clock.slept == [1]
    assert "Nothing was started" in caught.value.hint


async def test_busy_after_a_lost_answer_stays_unknown(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """The last attempt started nothing, but the first one may have."""
    book = RunBook()
    server.will(book.starts(then=drops))
    server.always(says(429, {"error_code": "RESOURCE_EXHAUSTED", "message": "slow down"}))

    with pytest.raises(JobsUnknown, match="gave no answer"):
        await jobs.run_now(request_to_run, deadline)

    assert len(book.runs) == 1


@pytest.mark.parametrize("slowness", [hangs, drips])
async def test_slow_answer_ends_with_the_deadline(
    server: ScriptedServer,
    http: httpx.AsyncClient,
    settings: DatabricksSettings,
    request_to_run: RunRequest,
    slowness: Action,
) -> None:
    """Neither silence nor a byte now and then outlasts the deadline; the machine's clock, for sockets have no other."""
    clock = SystemClock()
    jobs = JobsClient(http, settings, create_credentials(settings, http, clock), clock)
    server.always(slowness)
    started = clock.monotonic()

    with pytest.raises(JobsUnknown):
        await jobs.run_now(request_to_run, Deadline(clock, 0.3))

    assert clock.monotonic() - started < 2


async def test_run_now_ends_before_the_shortest_lease(
    server: ScriptedServer, jobs: JobsClient, clock: ManualClock, request_to_run: RunRequest
) -> None:
    """However late the deadline, run-now gives up within 20 s: leases may be as short as 25 s."""
    server.always(says(503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "try again"}))

    with pytest.raises(JobsUnknown):
        await jobs.run_now(request_to_run, Deadline(clock, 3600))

    assert clock.monotonic() <= 20


async def test_passed_deadline_sends_nothing(
    server: ScriptedServer, jobs: JobsClient, clock: ManualClock, request_to_run: RunRequest
) -> None:
    """Without time left nothing is sent, and the caller learns that nothing was started."""
    with pytest.raises(JobsBusy, match="no time left"):
        await jobs.run_now(request_to_run, Deadline(clock, 0))

    assert server.received == []


async def test_endless_body_is_cut_off(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """A body without end costs a bounded number of bytes and one attempt."""
    sent: list[int] = []
    server.will(floods(sent))

    with pytest.raises(JobsUnknown, match="more than the 4194304 bytes"):
        await jobs.run_now(request_to_run, deadline)

    assert sum(sent) < 20_000_000  # what is read, and what the kernel's buffers hold
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'"text"', b'{"run_id":', b"\xff\xfe\x00", b"[" * 100_000, b'{"a":' * 100_000],
    ids=["empty", "array", "null", "string", "cut", "no text", "nested arrays", "nested objects"],
)
async def test_unreadable_answer_is_an_unknown_outcome(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline, body: bytes
) -> None:
    """200 with something else than a JSON object: a run may have been started."""
    server.will(says(200, body, content_type="application/json"))

    with pytest.raises(JobsUnknown, match="no JSON object") as caught:
        await jobs.run_now(request_to_run, deadline)

    assert caught.value.status == 200


async def test_web_page_is_a_login_page(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """200 with HTML did not come from the Jobs API: nothing was started, and asking again is no use."""
    server.will(html(200, "<!doctype html><title>Databricks - Sign In</title>"))

    with pytest.raises(JobsUnauthorised, match="Sign In") as caught:
        await jobs.run_now(request_to_run, deadline)

    assert "login page" in caught.value.hint
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("location", "hint"),
    [
        ("/login.html?error=private-link-validation-error%3A123", "private endpoint"),
        ("/login.html", "login page"),
        ("https://elsewhere.example/api/2.2/jobs/run-now", "DATABRICKS_HOST"),
    ],
    ids=["private link", "login", "another host"],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_never_followed(
    server: ScriptedServer,
    jobs: JobsClient,
    request_to_run: RunRequest,
    deadline: Deadline,
    status: int,
    location: str,
    hint: str,
) -> None:
    """A redirect would carry our token to a login page or to a stranger."""
    server.will(says(status, location=location))

    with pytest.raises(JobsUnauthorised) as caught:
        await jobs.run_now(request_to_run, deadline)

    assert hint in caught.value.hint
    assert len(server.received) == 1


async def test_many_calls_share_connections(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """After the first calls no connection is opened any more, refused and failed calls included."""
    server.always(says(200, {"run_id": 1}))
    await asyncio.gather(*(jobs.run_now(request_to_run, deadline) for _ in range(8)))
    opened = server.connections
    server.will(says(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}))
    with pytest.raises(JobsRefused):
        await jobs.run_now(request_to_run, deadline)

    for _ in range(20):
        await jobs.run_now(request_to_run, deadline)

    assert server.connections == opened <= 8


async def test_cancelling_the_caller_cancels_the_call(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """A cancelled caller is not answered with an error of ours."""
    arrived = asyncio.Event()

    async def arrives_and_hangs(request: Received, writer: asyncio.StreamWriter) -> bool:
        arrived.set()
        return await hangs(request, writer)

    server.will(arrives_and_hangs)
    task = asyncio.create_task(jobs.run_now(request_to_run, deadline))
    await arrived.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
