"""What the simulator's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import pytest
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from localdev.azurite import Azurite
from tests.fakes.manual_clock import ManualClock
from tests.localdev.event_grid.receiver import Receiver, receiving

OwnAzurite: TypeAlias = tuple[Azurite, BlobServiceClient]


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that a sleep moves at once."""
    return ManualClock()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Yield a webhook."""
    async with receiving() as webhook:
        yield webhook


@pytest.fixture
async def service(azurite: Azurite) -> AsyncIterator[BlobServiceClient]:
    """Yield a client of the session's Azurite."""
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as client:
        yield client


@pytest.fixture
async def container(service: BlobServiceClient) -> AsyncIterator[ContainerClient]:
    """Yield a new, empty container that no other test uses."""
    client = await service.create_container(f"landing-{uuid4().hex[:8]}")
    yield client
    await client.delete_container()


@pytest.fixture
async def own_azurite(tmp_path: Path, azurite: Azurite) -> AsyncIterator[OwnAzurite]:
    """Yield an Azurite on disk that the test may stop, and a client of it that does not retry."""
    assert azurite.running  # or the test is skipped, or fails, for the session's reason
    with Azurite(tmp_path / "azurite") as emulator:
        async with BlobServiceClient.from_connection_string(emulator.connection_string, retry_total=0) as client:
            yield emulator, client
