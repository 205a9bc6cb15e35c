from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

import aiohttp
import httpx
import httpx_aiohttp
import pytest

from shared.clock import Deadline, SystemClock
from shared.errors import JobsBusy, JobsError, JobsUnknown
from shared.jobs import JobsClient, create_credentials, create_http_client
from shared.jobs.client import LONGEST_RUN_NOW
from shared.jobs.http_client import VERSION, never_opened
from shared.model import RunRequest
from shared.settings import SHORTEST_LEASE, DatabricksSettings
from tests.shared.jobs.conftest import Unlucky
from tests.shared.jobs.scripted_server import Action, ScriptedServer, drops, hangs, resets, says

ROOT = Path(__file__).resolve().parents[3]


def test_version_is_that_of_the_project() -> None:
    """Databricks sees which Landfall calls; pyproject.toml is not deployed, so the number stands twice."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == VERSION


async def test_client_is_bounded_and_follows_nothing() -> None:
    """The time-outs of one exchange, and no redirect that would carry the token away."""
    async with create_http_client() as client:
        assert isinstance(client, httpx_aiohttp.HttpxAiohttpClient)
        assert client.timeout == httpx.Timeout(connect=5, read=20, write=10, pool=5)
        assert client.follow_redirects is False


def test_run_now_ends_before_any_lease_does() -> None:
    """A lease that ends first would invite a second sender while the first still waits."""
    assert SHORTEST_LEASE.total_seconds() > LONGEST_RUN_NOW


async def test_closing_closes_the_connections(jobs: JobsClient, http: httpx.AsyncClient) -> None:
    """The client owns what it was given."""
    await jobs.aclose()

    assert http.is_closed


async def test_full_pool_started_nothing(
    server: ScriptedServer, settings: DatabricksSettings, request_to_run: RunRequest
) -> None:
    """Who waits for a connection in vain has sent nothing."""
    clock = SystemClock()
    one = httpx.Limits(max_connections=1)
    async with httpx_aiohttp.HttpxAiohttpClient(limits=one, timeout=httpx.Timeout(5, pool=0.05)) as http:
        jobs = JobsClient(http, settings, create_credentials(settings, http, clock), clock, randomness=Unlucky())
        arrived = asyncio.Event()

        async def occupies(request: object, writer: asyncio.StreamWriter) -> bool:
            arrived.set()
            await writer.wait_closed()
            return request is None

        server.will(occupies)
        occupant = asyncio.create_task(jobs.run_now(request_to_run, Deadline(clock, 5)))
        await arrived.wait()

        with pytest.raises(JobsBusy, match="could not be reached"):
            await jobs.run_now(request_to_run, Deadline(clock, 1))  # the second attempt would come after a second

        occupant.cancel()
        await asyncio.wait([occupant])
    assert len(server.received) == 1


@pytest.mark.parametrize("misbehaviour", [drops, resets, hangs])
async def test_other_transports_are_judged_alike(
    server: ScriptedServer, settings: DatabricksSettings, request_to_run: RunRequest, misbehaviour: Action
) -> None:
    """Httpx on its own transport names errors truly, and is understood as well."""
    clock = SystemClock()
    server.always(misbehaviour)
    async with httpx.AsyncClient() as http:
        jobs = JobsClient(http, settings, create_credentials(settings, http, clock), clock)

        with pytest.raises(JobsUnknown):
            await jobs.run_now(request_to_run, Deadline(clock, 0.1))


async def test_compressed_answers_are_bounded_too(
    server: ScriptedServer, jobs: JobsClient, request_to_run: RunRequest, deadline: Deadline
) -> None:
    """We ask for none, but a proxy may compress; what is no gzip after all is an unknown outcome."""
    server.will(*[says(200, b"no gzip", content_encoding="gzip")] * 9)

    with pytest.raises(JobsError) as caught:
        await jobs.run_now(request_to_run, deadline)

    assert isinstance(caught.value, JobsUnknown)
    assert server.received[0].headers["accept-encoding"] == "identity"


def caused(error: httpx.HTTPError, cause: Exception) -> httpx.HTTPError:
    """Return an error as httpx-aiohttp raises it."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "nothing_sent"),
    [
        pytest.param(caused(httpx.ConnectTimeout(""), aiohttp.ServerDisconnectedError()), False, id="disconnected"),
        pytest.param(caused(httpx.ConnectTimeout(""), aiohttp.ClientOSError()), False, id="reset"),
        pytest.param(caused(httpx.ConnectTimeout(""), aiohttp.ConnectionTimeoutError()), True, id="connecting"),
        pytest.param(caused(httpx.ReadTimeout(""), aiohttp.SocketTimeoutError()), False, id="reading"),
        pytest.param(httpx.ConnectTimeout(""), True, id="httpx connecting"),
        pytest.param(httpx.ConnectError(""), True, id="httpx refused"),
        pytest.param(httpx.PoolTimeout(""), True, id="httpx pool"),
        pytest.param(httpx.WriteTimeout(""), False, id="httpx writing"),
        pytest.param(TimeoutError(), False, id="out of time"),
        pytest.param(aiohttp.ClientPayloadError(), False, id="half an answer"),
    ],
)
def test_only_a_missing_connection_proves_that_nothing_was_sent(error: Exception, nothing_sent: bool) -> None:  # noqa: FBT001 - a parameter of the table above
    """httpx-aiohttp says ConnectTimeout of a connection that broke after the request had gone out."""
    assert never_opened(error) is nothing_sent
