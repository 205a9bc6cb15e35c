"""No redirect is followed anywhere: whoever sends us elsewhere gets neither our identity nor what we were to say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from shared.blobs import open_blobs, open_dead_letter_blobs, open_rules_blob
from shared.clock import Deadline, SystemClock
from shared.errors import LandfallError
from shared.jobs import JobsClient, create_credentials, create_http_client
from shared.ledger.azure_table import open_table
from shared.ledger.table import Create
from shared.secret import Secret
from shared.settings import read_settings
from shared.storage_connection import StorageConnection
from shared.storage_queue import open_queue
from tests.shared.jobs.scripted_server import ScriptedServer, says, serving

if TYPE_CHECKING:
    from pytest import FixtureRequest  # noqa: PT013 - a type

REDIRECTS = (301, 302, 303, 307, 308)


@pytest.fixture
async def elsewhere() -> AsyncIterator[ScriptedServer]:
    """Serve where nobody should ever ask."""
    async with serving() as server:
        server.always(says(200, {"run_id": 1}))
        yield server


@pytest.fixture(params=REDIRECTS)
async def server(request: FixtureRequest, elsewhere: ScriptedServer) -> AsyncIterator[ScriptedServer]:
    """Serve nothing but redirects to elsewhere."""
    async with serving() as server:
        server.always(says(request.param, location=f"{elsewhere.url}/acct/stolen"))
        yield server


def connection(server: ScriptedServer) -> StorageConnection:
    """Return an account that the server stands for."""
    endpoint = f"{server.url}/acct"
    return StorageConnection(
        account="acct", blob_endpoint=endpoint, queue_endpoint=endpoint, table_endpoint=endpoint, key=Secret("c2VjcmV0")
    )


async def read_the_ledger(server: ScriptedServer) -> None:
    """Read a row."""
    table = open_table(connection(server), "ledger", None)
    try:
        await table.read("partition", "key")
    finally:
        await table.close()


async def write_to_the_ledger(server: ScriptedServer) -> None:
    """Write a row."""
    table = open_table(connection(server), "ledger", None)
    try:
        await table.transact("partition", [Create("key", {"a": "b"})])
    finally:
        await table.close()


async def list_blobs(server: ScriptedServer) -> None:
    """List a container."""
    blobs = open_blobs(connection(server), None)
    try:
        [page async for page in blobs.pages("landing", "")]
    finally:
        await blobs.close()


async def ask_for_the_time(server: ScriptedServer) -> None:
    """Ask the storage service for its clock."""
    blobs = open_blobs(connection(server), None)
    try:
        await blobs.server_time()
    finally:
        await blobs.close()


async def read_dead_letters(server: ScriptedServer) -> None:
    """List the dead letters."""
    blobs = open_dead_letter_blobs(connection(server), "landfall-dead-letters", None)
    try:
        await blobs.waiting(10)
    finally:
        await blobs.close()


async def read_the_rules(server: ScriptedServer) -> None:
    """Read the rules that RULES_URL names."""
    blob = open_rules_blob(f"{server.url}/acct/settings/rules.yaml?sig=c2lnbmF0dXJl", connection(server), None)
    try:
        await blob.read("")
    finally:
        await blob.close()


async def send_to_the_queue(server: ScriptedServer) -> None:
    """Send a message."""
    queue = open_queue(connection(server), "landfall-sweep", None)
    try:
        await queue.send(["shard"])
    finally:
        await queue.close()


async def ask_databricks(server: ScriptedServer, **settings: str) -> None:
    """Read a run."""
    environment = {"DATABRICKS_HOST": server.url, "AzureWebJobsStorage": "UseDevelopmentStorage=true", **settings}
    databricks, clock, http = read_settings(environment).databricks, SystemClock(), create_http_client()
    jobs = JobsClient(http, databricks, create_credentials(databricks, http, clock), clock)
    try:
        await jobs.get_run(7, Deadline(clock, 5))
    finally:
        await jobs.aclose()


async def ask_databricks_with_a_token(server: ScriptedServer) -> None:
    """Read a run with a personal access token."""
    await ask_databricks(server, DATABRICKS_TOKEN="dapi-token")


async def sign_in_to_databricks(server: ScriptedServer) -> None:
    """Exchange a client secret for a token."""
    await ask_databricks(server, DATABRICKS_CLIENT_ID="id", DATABRICKS_CLIENT_SECRET="a secret of ours")


@pytest.mark.parametrize(
    "ask",
    [
        read_the_ledger,
        write_to_the_ledger,
        list_blobs,
        ask_for_the_time,
        read_dead_letters,
        read_the_rules,
        send_to_the_queue,
        ask_databricks_with_a_token,
        sign_in_to_databricks,
    ],
    ids=lambda ask: ask.__name__,
)
async def test_redirect_is_an_error_and_not_a_way(
    ask: Callable[[ScriptedServer], Awaitable[None]], server: ScriptedServer, elsewhere: ScriptedServer
) -> None:
    """The request was made, an error of ours says that it failed, and nothing at all arrived elsewhere."""
    with pytest.raises(LandfallError):
        await ask(server)

    assert server.received
    assert elsewhere.received == []
    assert elsewhere.connections == 0
