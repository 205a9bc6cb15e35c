from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.clock import Deadline
from shared.errors import JobMissing, JobsBusy, JobsError, JobsRefused, JobsUnauthorised, JobsUnknown
from shared.jobs import JobsClient, create_credentials
from shared.model import RunRequest
from shared.settings import DatabricksSettings
from tests.fakes.manual_clock import ManualClock
from tests.shared.jobs.scripted_server import Action, ScriptedServer, html, says

if TYPE_CHECKING:
    import httpx

AUDIENCE = (
    "<html><head><title>Error 400</title></head><body><pre>io.jsonwebtoken.IncorrectClaimException: "
    "Expected aud claim to be: 2ff814a6-3304-4ab8-85cb-cd0e6f879c1d, but was: https://management.azure.com/</pre>"
)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        pytest.param(
            says(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Job 998 does not exist."}),
            JobMissing,
            "400 INVALID_PARAMETER_VALUE to jobs/run-now: Job 998 does not exist",
            id="missing job is a 400",
        ),
        pytest.param(
            says(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "gone"}),
            JobMissing,
            "404 RESOURCE_DOES_NOT_EXIST",
            id="missing job as a 404",
        ),
        pytest.param(
            says(400, {"error_code": "MALFORMED_REQUEST", "message": "Expected object for field 'notebook_params'"}),
            JobsRefused,
            "400 MALFORMED_REQUEST to jobs/run-now: Expected object",
            id="malformed",
        ),
        pytest.param(
            says(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "Run 5 does not exist."}),
            JobsRefused,
            "Run 5 does not exist",
            id="token of a deleted run",
        ),
        pytest.param(says(409, {"error_code": "ABORTED", "message": "no"}), JobsRefused, "409 ABORTED", id="conflict"),
        pytest.param(says(413), JobsRefused, "answered 413 to jobs/run-now", id="no body"),
        pytest.param(says(400, b"BAD_REQUEST: no such thing"), JobsRefused, "BAD_REQUEST: no such", id="plain text"),
        pytest.param(says(400, {"error": "old envelope"}), JobsRefused, "old envelope", id="envelope of API 1.2"),
        pytest.param(says(400, {"error_code": {"a": 1}, "message": [1]}), JobsRefused, "answered 400 to", id="odd"),
        pytest.param(says(400, [1, 2]), JobsRefused, "answered 400 to", id="array"),
        pytest.param(says(418, {"error_code": 417, "message": "tea"}), JobsRefused, "418 417", id="numeric code"),
        pytest.param(
            says(403, {"error_code": "PERMISSION_DENIED", "message": 'User "spn" does not have Manage Run'}),
            JobsUnauthorised,
            "403 PERMISSION_DENIED",
            id="not permitted",
        ),
        pytest.param(
            says(403, {"error_code": "FEATURE_DISABLED", "message": "off"}),
            JobsUnauthorised,
            "403 FEATURE_DISABLED",
            id="feature disabled",
        ),
        pytest.param(html(403, "<title>Forbidden</title>"), JobsUnauthorised, "403 to .*Forbidden", id="403 in HTML"),
        pytest.param(html(400, AUDIENCE), JobsUnauthorised, "Expected aud claim", id="token of another audience"),
        pytest.param(says(501), JobsUnknown, "answered 501", id="odd server error"),
    ],
)
async def test_refusal_is_raised_at_once(
    server: ScriptedServer,
    jobs: JobsClient,
    clock: ManualClock,
    request_to_run: RunRequest,
    deadline: Deadline,
    answer: Action,
    kind: type[JobsError],
    words: str,
) -> None:
    """What asking again cannot change is raised after one request, as the error its handler needs."""
    server.will(answer)

    with pytest.raises(JobsError, match=words) as caught:
        await jobs.run_now(request_to_run, deadline)

    assert isinstance(caught.value, kind)
    assert caught.value.status >= 400
    assert len(server.received) == 1
    assert clock.slept == []


async def test_permission_hint_names_the_permission(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """Who reads the error knows what to grant."""
    server.will(says(403, {"error_code": "PERMISSION_DENIED", "message": "no"}))

    with pytest.raises(JobsUnauthorised, match="CAN MANAGE RUN") as caught:
        await jobs.run_now(request_to_run, deadline)

    assert caught.value.error_code == "PERMISSION_DENIED"


async def test_audience_hint_names_the_resource(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """A token for another Azure service is answered with a stack trace in HTML; the hint says what is wrong."""
    server.will(html(400, AUDIENCE))

    with pytest.raises(JobsUnauthorised) as caught:
        await jobs.run_now(request_to_run, deadline)

    assert "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d" in caught.value.hint


async def test_message_is_one_bounded_line(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """Databricks repeats our parameters, and blob names in them, which anybody may choose."""
    nasty = "bad\nfact.name forged=1\u202e\x1b[31m" + "x" * 100_000
    server.will(says(400, {"error_code": "C\nD", "message": nasty}))

    with pytest.raises(JobsRefused) as caught:
        await jobs.run_now(request_to_run, deadline)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(says(400, {"error_code": "QUOTA_EXCEEDED", "message": "too many jobs"}), id="code"),
        pytest.param(
            says(
                400, {"error_code": "INVALID_STATE", "message": "There were already 10000 jobs created in past 3600 s"}
            ),
            id="message",
        ),
    ],
)
async def test_hourly_quota_is_busy_for_long(
    server: ScriptedServer, jobs: JobsClient, clock: ManualClock, request_to_run: RunRequest, answer: Action
) -> None:
    """What is counted per hour is not asked for again within seconds."""
    server.will(answer)

    with pytest.raises(JobsBusy) as caught:
        await jobs.run_now(request_to_run, Deadline(clock, 60))

    assert caught.value.retry_after == 300
    assert len(server.received) == 1


BAD_TARGET = html(404, "<h2>404 Bad Target: /api/2.2/jobs/run-now</h2>")


async def test_bad_target_falls_back_for_good(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """A workspace without API 2.2 is asked once, and by 2.1 from then on."""
    server.will(BAD_TARGET)
    server.always(says(200, {"run_id": 9}))

    await jobs.run_now(request_to_run, deadline)
    await jobs.get_run(9, deadline)

    assert server.paths == ["/api/2.2/jobs/run-now", "/api/2.1/jobs/run-now", "/api/2.1/jobs/runs/get"]


async def test_other_404_does_not_fall_back(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """A 404 with an error code is the API's own word on the request."""
    server.will(says(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": "no"}))

    with pytest.raises(JobsRefused):
        await jobs.run_now(request_to_run, deadline)

    assert server.paths == ["/api/2.2/jobs/run-now"]


async def test_wrong_host_is_asked_twice_and_not_remembered(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """A host that knows neither version is no workspace; the rule's breaker trips instead of its files' going dead."""
    server.will(BAD_TARGET, BAD_TARGET, says(200, {"run_id": 1}))

    with pytest.raises(JobMissing, match="DATABRICKS_HOST"):
        await jobs.run_now(request_to_run, deadline)
    await jobs.run_now(request_to_run, deadline)

    assert server.paths == ["/api/2.2/jobs/run-now", "/api/2.1/jobs/run-now", "/api/2.2/jobs/run-now"]


async def test_configured_version_is_respected(
    server: ScriptedServer,
    http: httpx.AsyncClient,
    older: DatabricksSettings,
    clock: ManualClock,
    request_to_run: RunRequest,
    deadline: Deadline,
) -> None:
    """DATABRICKS_API_VERSION=2.1 asks 2.1 and nothing else."""
    jobs = JobsClient(http, older, create_credentials(older, http, clock), clock)
    server.will(BAD_TARGET)

    with pytest.raises(JobMissing):
        await jobs.run_now(request_to_run, deadline)

    assert server.paths == ["/api/2.1/jobs/run-now"]
