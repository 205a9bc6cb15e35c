from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.clock import Deadline, SystemClock
from shared.errors import JobsBusy, JobsUnauthorised
from shared.jobs import JobsClient
from shared.jobs.access_token import AccessToken
from shared.jobs.credentials import RenewedCredentials
from shared.model import RunRequest
from shared.secret import Secret
from shared.settings import DatabricksSettings
from tests.fakes.manual_clock import ManualClock
from tests.shared.jobs.conftest import TOKEN, Unlucky
from tests.shared.jobs.scripted_server import Action, Received, ScriptedServer, html, says

if TYPE_CHECKING:
    import httpx

EXPIRED = says(403, {"error_code": 403, "message": "JWT has expired"})
STARTED = says(200, {"run_id": 1})


class CountingSignIn:
    """Signs in with token-1, token-2 …, each alive for `lifetime`; fails with `failure`, waits while `gate` is shut."""

    def __init__(self, clock: ManualClock, lifetime: timedelta = timedelta(hours=1)) -> None:
        self._clock = clock
        self.lifetime = lifetime
        self.failure: JobsUnauthorised | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = self.forgotten = self.closed = 0
        self.always: str | None = None

    async def sign_in(self) -> AccessToken:
        """Return the next token."""
        self.asked += 1
        number = self.asked
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return AccessToken(Secret(self.always or f"token-{number}"), self._clock.now() + self.lifetime)

    async def forget(self) -> None:
        """Count."""
        self.forgotten += 1

    async def aclose(self) -> None:
        """Count."""
        self.closed += 1


@pytest.fixture
def sign_in(clock: ManualClock) -> CountingSignIn:
    """Return the sign-in that `credentials` uses."""
    return CountingSignIn(clock)


@pytest.fixture
def credentials(sign_in: CountingSignIn, clock: ManualClock) -> RenewedCredentials:
    """Return what is under test."""
    return RenewedCredentials(sign_in, clock)


@pytest.fixture
def renewing_jobs(
    http: httpx.AsyncClient, settings: DatabricksSettings, credentials: RenewedCredentials, clock: ManualClock
) -> JobsClient:
    """Return a client whose tokens can be renewed."""
    return JobsClient(http, settings, credentials, clock, randomness=Unlucky())


def bearers(server: ScriptedServer) -> list[str]:
    """Return the access tokens that the server was shown."""
    return [request.headers["authorization"].removeprefix("Bearer ") for request in server.received]


async def test_token_is_kept_until_it_is_due(
    credentials: RenewedCredentials, sign_in: CountingSignIn, clock: ManualClock
) -> None:
    """A token of an hour is used for 58 minutes, and renewed 120 s before its end."""
    first = await credentials.token()
    clock.advance(3600 - 121)
    still = await credentials.token()
    clock.advance(2)
    renewed = await credentials.token()

    assert (first, still, renewed) == ("token-1", "token-1", "token-2")
    assert sign_in.asked == 2


async def test_short_token_is_renewed_half_way(
    credentials: RenewedCredentials, sign_in: CountingSignIn, clock: ManualClock
) -> None:
    """A token that lives for less than the margin is not fetched for every call."""
    sign_in.lifetime = timedelta(seconds=100)
    await credentials.token()
    clock.advance(49)
    await credentials.token()
    clock.advance(2)
    await credentials.token()

    assert sign_in.asked == 2


async def test_many_callers_share_one_sign_in(credentials: RenewedCredentials, sign_in: CountingSignIn) -> None:
    """64 callers without a token fetch one."""
    sign_in.gate.clear()
    callers = [asyncio.create_task(credentials.token()) for _ in range(64)]
    await asyncio.sleep(0)
    sign_in.gate.set()

    assert set(await asyncio.gather(*callers)) == {"token-1"}
    assert sign_in.asked == 1


async def test_many_callers_share_one_failure(credentials: RenewedCredentials, sign_in: CountingSignIn) -> None:
    """A refused sign-in is not repeated by each of those who waited for it."""
    sign_in.failure = JobsUnauthorised("no", hint="look")
    sign_in.gate.clear()
    callers = [asyncio.create_task(credentials.token()) for _ in range(64)]
    await asyncio.sleep(0)
    sign_in.gate.set()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)

    assert all(isinstance(outcome, JobsUnauthorised) for outcome in outcomes)
    assert sign_in.asked == 1


async def test_sign_in_has_an_end(
    credentials: RenewedCredentials, sign_in: CountingSignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token endpoint that never answers does not hold its callers for ever."""
    monkeypatch.setattr("shared.jobs.credentials.LONGEST_SIGN_IN", 0.01)
    sign_in.gate.clear()

    with pytest.raises(JobsUnauthorised, match="took longer"):
        await asyncio.wait_for(credentials.token(), 5)


async def test_impatient_caller_does_not_stop_the_others(
    credentials: RenewedCredentials, sign_in: CountingSignIn
) -> None:
    """A caller who gives up leaves the sign-in to those who wait on."""
    sign_in.gate.clear()
    impatient = asyncio.create_task(credentials.token())
    patient = asyncio.create_task(credentials.token())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait([impatient])
    sign_in.gate.set()

    assert await patient == "token-1"
    assert impatient.cancelled()
    assert sign_in.asked == 1


async def test_early_renewal_may_fail(
    credentials: RenewedCredentials, sign_in: CountingSignIn, clock: ManualClock
) -> None:
    """While the kept token is still good, a failed renewal troubles nobody, and is tried again 10 s later."""
    await credentials.token()
    clock.advance(3600 - 119)
    sign_in.failure = JobsUnauthorised("Entra is down")

    assert await credentials.token() == "token-1"
    assert await credentials.token() == "token-1"
    assert sign_in.asked == 2
    clock.advance(10)
    assert await credentials.token() == "token-1"
    assert sign_in.asked == 3


async def test_failed_renewal_of_a_dying_token_is_told(
    credentials: RenewedCredentials, sign_in: CountingSignIn, clock: ManualClock
) -> None:
    """Databricks refuses tokens in their last half minute."""
    await credentials.token()
    clock.advance(3600 - 39)
    sign_in.failure = JobsUnauthorised("Entra is down")

    with pytest.raises(JobsUnauthorised, match="Entra is down"):
        await credentials.token()


async def test_refresh_of_a_replaced_token_does_nothing(
    credentials: RenewedCredentials, sign_in: CountingSignIn
) -> None:
    """Of many callers who were refused with one token, the first fetches a new one."""
    await credentials.token()
    await asyncio.gather(*(credentials.refresh("token-1") for _ in range(64)))
    await credentials.refresh("token-1")

    assert await credentials.token() == "token-2"
    assert (sign_in.asked, sign_in.forgotten) == (2, 1)


async def test_closing_ends_a_sign_in_on_its_way(credentials: RenewedCredentials, sign_in: CountingSignIn) -> None:
    """Closing does not wait for a server that does not answer."""
    sign_in.gate.clear()
    waiting = asyncio.create_task(credentials.token())
    await asyncio.sleep(0)
    await credentials.aclose()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sign_in.closed == 1


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(says(401, {"error_code": "UNAUTHENTICATED", "message": "no"}), id="401"),
        pytest.param(says(401), id="401 without a body"),
        pytest.param(html(401, "<title>Unauthorized</title>"), id="401 in HTML"),
        pytest.param(EXPIRED, id="numeric error code"),
        pytest.param(says(403, {"error_code": "403", "message": "no"}), id="digits as error code"),
        pytest.param(says(403, {"message": "Invalid access token."}), id="invalid"),
        pytest.param(says(403, b"JWT has expired"), id="expired in plain text"),
    ],
)
async def test_refused_token_is_renewed_once(
    server: ScriptedServer,
    renewing_jobs: JobsClient,
    clock: ManualClock,
    request_to_run: RunRequest,
    deadline: Deadline,
    refusal: Action,
) -> None:
    """An expired Entra token may be a 403: a new token and the same bytes, without a wait."""
    server.will(refusal, STARTED)

    assert await renewing_jobs.run_now(request_to_run, deadline) == 1

    assert bearers(server) == ["token-1", "token-2"]
    assert len({request.body for request in server.received}) == 1
    assert clock.slept == []


async def test_second_refusal_is_final(
    server: ScriptedServer, renewing_jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """A new token that is refused as well means the identity, not the token."""
    server.always(EXPIRED)

    with pytest.raises(JobsUnauthorised, match="JWT has expired") as caught:
        await renewing_jobs.run_now(request_to_run, deadline)

    assert bearers(server) == ["token-1", "token-2"]
    assert (caught.value.status, caught.value.error_code) == (403, "403")
    assert "DATABRICKS_AUTH_TYPE" in caught.value.hint


async def test_same_token_again_is_not_sent(
    server: ScriptedServer,
    renewing_jobs: JobsClient,
    sign_in: CountingSignIn,
    request_to_run: RunRequest,
    deadline: Deadline,
) -> None:
    """A sign-in that keeps to its token, as App Service does for a while, is not worth a second request."""
    sign_in.always = "token-for-ever"
    server.always(EXPIRED)

    with pytest.raises(JobsUnauthorised):
        await renewing_jobs.run_now(request_to_run, deadline)

    assert bearers(server) == ["token-for-ever"]


async def test_personal_token_cannot_be_renewed(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """A personal access token that is refused once stays refused."""
    server.will(says(403, {"message": "Invalid access token."}))

    with pytest.raises(JobsUnauthorised, match="Invalid access token"):
        await jobs.run_now(request_to_run, deadline)

    assert bearers(server) == [TOKEN]


async def test_number_for_an_error_code_is_said_once(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """Databricks repeats the status of such an answer as its code."""
    server.will(says(403, {"error_code": 403, "message": "Invalid access token."}))

    with pytest.raises(JobsUnauthorised, match=r"^Databricks answered 403 to \S+: Invalid access token\."):
        await jobs.run_now(request_to_run, deadline)


async def test_missing_permission_is_not_a_stale_token(
    server: ScriptedServer, renewing_jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """PERMISSION_DENIED is about the job: a new token would say the same."""
    server.will(says(403, {"error_code": "PERMISSION_DENIED", "message": "no Manage Run"}))

    with pytest.raises(JobsUnauthorised, match="CAN MANAGE RUN"):
        await renewing_jobs.run_now(request_to_run, deadline)

    assert bearers(server) == ["token-1"]


async def test_concurrent_refusals_renew_once(
    server: ScriptedServer,
    renewing_jobs: JobsClient,
    sign_in: CountingSignIn,
    request_to_run: RunRequest,
    deadline: Deadline,
) -> None:
    """16 calls that are refused with one token end in 16 runs by one new token."""

    async def judge(request: Received, writer: asyncio.StreamWriter) -> bool:
        token = request.headers["authorization"]
        return await (EXPIRED if token == "Bearer token-1" else STARTED)(request, writer)

    server.always(judge)

    run_ids = await asyncio.gather(*(renewing_jobs.run_now(request_to_run, deadline) for _ in range(16)))

    assert run_ids == [1] * 16
    assert sign_in.asked == 2


async def test_failed_sign_in_sends_nothing(
    server: ScriptedServer,
    renewing_jobs: JobsClient,
    sign_in: CountingSignIn,
    request_to_run: RunRequest,
    deadline: Deadline,
) -> None:
    """Without a token there is no call; the reason reaches the caller."""
    sign_in.failure = JobsUnauthorised("the secret has expired", hint="make a new one")

    with pytest.raises(JobsUnauthorised, match="the secret has expired"):
        await renewing_jobs.run_now(request_to_run, deadline)

    assert server.received == []


async def test_slow_sign_in_ends_with_the_deadline(
    server: ScriptedServer,
    http: httpx.AsyncClient,
    settings: DatabricksSettings,
    sign_in: CountingSignIn,
    request_to_run: RunRequest,
) -> None:
    """Waiting for a token counts: nothing was sent, so nothing was started."""
    clock = SystemClock()
    credentials = RenewedCredentials(sign_in, clock)
    jobs = JobsClient(http, settings, credentials, clock)
    sign_in.gate.clear()

    with pytest.raises(JobsBusy, match="no time left"):
        await jobs.run_now(request_to_run, Deadline(clock, 0.05))

    assert server.received == []
    await credentials.aclose()
