from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.clock import Deadline
from shared.jobs import JobsClient, create_credentials, create_http_client, frozen_body
from shared.model import RunRequest
from shared.secret import Secret
from shared.settings import AuthType, DatabricksSettings
from tests.fakes.manual_clock import ManualClock
from tests.shared.jobs.scripted_server import ScriptedServer, serving

if TYPE_CHECKING:
    import httpx

TOKEN = "dapi-canary-0123456789"


class Unlucky(random.Random):
    """Randomness that always draws the greatest value, so that waits are known."""

    def uniform(self, a: float, b: float) -> float:
        """Return the upper end."""
        return max(a, b)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """Serve on loopback for one test."""
    async with serving() as scripted:
        yield scripted


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that only sleeping moves."""
    return ManualClock()


@pytest.fixture
def deadline(clock: ManualClock) -> Deadline:
    """Return a deadline that leaves time for the waits of 1, 2 and 4 seconds, and not for that of 8."""
    return Deadline(clock, 15)


@pytest.fixture
def settings(server: ScriptedServer) -> DatabricksSettings:
    """Return settings for the scripted server, with a personal access token."""
    return DatabricksSettings(
        host=server.url,
        auth_type=AuthType.PAT,
        api_version="2.2",
        token=Secret(TOKEN),
        client_id="",
        client_secret=Secret(""),
        azure_tenant_id="",
        azure_client_id="",
        azure_client_secret=Secret(""),
    )


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """Return the client that the service uses."""
    async with create_http_client() as client:
        yield client


@pytest.fixture
def jobs(http: httpx.AsyncClient, settings: DatabricksSettings, clock: ManualClock) -> JobsClient:
    """Return a client with a personal access token, whose waits are the longest possible: 1, 2, 4 … seconds."""
    return JobsClient(http, settings, create_credentials(settings, http, clock), clock, randomness=Unlucky())


@pytest.fixture
def request_to_run() -> RunRequest:
    """Return a request as the ledger keeps it."""
    token = "a" * 64
    return RunRequest(
        job_id=7, token=token, body=frozen_body(7, token, {"notebook_params": {"file_path": "crm/é 1.csv"}})
    )


@pytest.fixture
def older(settings: DatabricksSettings) -> DatabricksSettings:
    """Return settings that ask for the older API."""
    return replace(settings, api_version="2.1")
