from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.clock import Deadline
from shared.errors import JobsError
from shared.jobs import JobsClient, create_credentials
from shared.model import RunRequest
from shared.secret import Secret
from shared.settings import AuthType, DatabricksSettings
from tests.fakes.manual_clock import ManualClock
from tests.shared.jobs.conftest import TOKEN
from tests.shared.jobs.scripted_server import (
    Action,
    ScriptedServer,
    answers_half,
    drops,
    html,
    resets,
    says,
    speaks_no_http,
)

if TYPE_CHECKING:
    import httpx

CLIENT_SECRET = "canary-client-secret"


def everything_of(error: BaseException) -> str:
    """Return all that anybody could print of an error and of the errors behind it."""
    return "\n".join(
        text
        for link in chain(error)
        for text in (str(link), repr(link), repr(vars(link)), repr(link.args), *traceback.format_exception(link))
    )


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, its cause and its context, and theirs."""
    if error is not None:
        yield error
        yield from chain(error.__cause__)
        yield from chain(error.__context__)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(says(400, {"error_code": TOKEN, "message": f"bad Bearer {TOKEN} sent"}), id="refused"),
        pytest.param(says(401, {"message": TOKEN}), id="401"),
        pytest.param(says(403, {"error_code": "PERMISSION_DENIED", "message": TOKEN}), id="403"),
        pytest.param(says(404, TOKEN.encode()), id="404"),
        pytest.param(says(429, {"message": f"{'x' * 490}{TOKEN}"}), id="429, cut within the token"),
        pytest.param(says(500, TOKEN.encode()), id="500"),
        pytest.param(says(200, TOKEN.encode()), id="unreadable"),
        pytest.param(html(200, f"<title>{TOKEN}</title>"), id="page"),
        pytest.param(says(302, location=f"/login.html?token={TOKEN}"), id="redirect"),
        pytest.param(drops, id="dropped"),
        pytest.param(resets, id="reset"),
        pytest.param(answers_half, id="half"),
        pytest.param(speaks_no_http, id="no HTTP"),
    ],
)
async def test_no_error_shows_the_access_token(
    server: ScriptedServer,
    jobs: JobsClient,
    request_to_run: RunRequest,
    deadline: Deadline,
    caplog: pytest.LogCaptureFixture,
    answer: Action,
) -> None:
    """Not the message, nor what is behind it, nor a log line at any level, even when the server repeats the token."""
    caplog.set_level(logging.DEBUG)
    server.always(answer)

    with pytest.raises(JobsError) as caught:
        await jobs.run_now(request_to_run, deadline)

    shown = everything_of(caught.value) + caplog.text
    assert TOKEN[:10] not in shown
    assert "uthorization" not in shown


async def test_no_error_shows_the_client_secret(
    server: ScriptedServer,
    http: httpx.AsyncClient,
    settings: DatabricksSettings,
    clock: ManualClock,
    request_to_run: RunRequest,
    deadline: Deadline,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The same for what the token is fetched with."""
    caplog.set_level(logging.DEBUG)
    m2m = replace(settings, auth_type=AuthType.OAUTH_M2M, client_id="spn", client_secret=Secret(CLIENT_SECRET))
    jobs = JobsClient(http, m2m, create_credentials(m2m, http, clock), clock)
    server.always(says(401, {"error": "invalid_client", "error_description": CLIENT_SECRET}))

    with pytest.raises(JobsError) as caught:
        await jobs.run_now(request_to_run, deadline)

    assert CLIENT_SECRET not in everything_of(caught.value) + caplog.text


@pytest.mark.parametrize("auth_type", list(AuthType))
async def test_no_repr_shows_a_secret(
    http: httpx.AsyncClient,
    settings: DatabricksSettings,
    clock: ManualClock,
    server: ScriptedServer,
    auth_type: AuthType,
) -> None:
    """Objects get printed in debuggers, assertion messages and log lines."""
    canary = Secret("canary")
    held = replace(
        settings, auth_type=auth_type, token=canary, client_secret=canary, azure_client_secret=canary, client_id="spn"
    )
    credentials = create_credentials(held, http, clock)
    jobs = JobsClient(http, held, credentials, clock)
    if auth_type is AuthType.OAUTH_M2M:
        server.will(says(200, {"access_token": "canary"}))
        await credentials.token()

    shown = f"{jobs!r} {credentials!r} {vars(jobs)!r} {vars(credentials)!r} {vars(vars(jobs)['_api'])!r}"

    assert "canary" not in shown
