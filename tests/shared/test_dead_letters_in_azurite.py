"""Dead letters from a real Blob Storage, as people's own and as our event simulator writes them."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

import pytest
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from localdev.azurite import Azurite
from localdev.event_grid import dead_letters as simulated
from localdev.event_grid.event_bodies import Schema
from localdev.event_grid.retry_policy import GiveUp
from shared.blobs.dead_letter_blobs import DeadLetterBlobs, open_dead_letter_blobs
from shared.clock import SystemClock
from tests.fakes.dead_letters import FOLDER, OLD, dead, take_in
from tests.fakes.manual_clock import START
from tests.fakes.world import World
from tests.localdev.event_grid.samples import event

pytestmark = pytest.mark.azurite


@pytest.fixture
def world() -> World:
    """Return a service over fakes, whose clock shows what a letter written now is judged by."""
    made = World()
    made.clock.advance((SystemClock().now() - START).total_seconds() + OLD)
    return made


@pytest.fixture
async def service(azurite: Azurite) -> AsyncIterator[BlobServiceClient]:
    """Yield a client of the account."""
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
        yield client


@pytest.fixture
async def container(service: BlobServiceClient) -> ContainerClient:
    """Return an empty container of its own."""
    return await service.create_container(f"dead-letters-{uuid.uuid4().hex}")


@pytest.fixture
async def letters(azurite: Azurite, container: ContainerClient) -> AsyncIterator[DeadLetterBlobs]:
    """Yield the container as the service opens it."""
    opened = open_dead_letter_blobs(azurite.connection, container.container_name, None)
    yield opened
    await opened.close()


async def test_two_instances_empty_a_container(
    container: ContainerClient, letters: DeadLetterBlobs, world: World
) -> None:
    """Every event has one run, good letters are handled, the bad one waits for a person, and nothing is left."""
    for number in range(12):
        events = [dead(world.landing.upload(f"landing/crm/{number}-{part}.csv")) for part in range(2)]
        await container.upload_blob(f"{FOLDER}/{number} é#?.json", json.dumps(events).encode("utf-8-sig"))
    await container.upload_blob(f"{FOLDER}/cut-off.json", b'[{"eventType')
    first, second = await asyncio.gather(*(take_in(world, letters) for _ in range(2)))
    names = [name async for name in container.list_blob_names()]

    assert len(await world.all_entries()) == len(world.databricks.sent) == 24
    assert first.counts["claimed"] + second.counts["claimed"] == 24
    assert first.left == second.left == 0
    assert sorted(names) == sorted(
        [*(f"handled/{FOLDER}/{number} é#?.json" for number in range(12)), f"unreadable/{FOLDER}/cut-off.json"]
    )


@pytest.mark.parametrize("schema", Schema)
async def test_simulated_dead_letters_are_taken_in(
    service: BlobServiceClient, container: ContainerClient, letters: DeadLetterBlobs, world: World, schema: Schema
) -> None:
    """What the event simulator gives up on, in either schema and in one letter, comes back as claims."""
    writer = simulated.DeadLetters(
        service, container=container.container_name, subscription="crm-events", schema=schema, clock=world.clock
    )
    failure = simulated.Failure(reason=GiveUp.TIME_TO_LIVE, attempts=3, outcome="NotFound", last_attempt_at=START)
    paths = ["crm/a.csv", "erp/100%20 é#.csv", "other/nobody wants it.txt"]
    written = await writer.write([event(path, schema=schema) for path in paths], failure)
    result = await take_in(world, letters)

    assert [entry.arrival.path for entry in await world.all_entries()] == paths[:2]
    assert result.counts == {"found": 1, "opened": 1, "handled": 1, "events": 3, "claimed": 2, "ignored": 1}
    assert result.reasons == {GiveUp.TIME_TO_LIVE.value: 3}
    assert [name async for name in container.list_blob_names()] == [f"handled/{written}"]
