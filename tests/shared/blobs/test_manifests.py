"""Manifests in Blob Storage, against Azurite: written once, by whoever comes first."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from azure.storage.blob.aio import BlobServiceClient

from localdev.azurite import Azurite
from shared.blobs import Blobs, open_blobs
from shared.containers import MANIFESTS

pytestmark = pytest.mark.azurite


@pytest.fixture
async def blobs(azurite: Azurite) -> AsyncIterator[Blobs]:
    """Yield the landing account."""
    opened = open_blobs(azurite.connection, None)
    yield opened
    await opened.close()


def somewhere() -> str:
    """Return a place that no other test uses."""
    return f"crm/{uuid.uuid4().hex}.json"


async def test_manifest_is_written_once(blobs: Blobs) -> None:
    """The second one who writes it learns that it is there, and changes nothing."""
    path = somewhere()

    assert await blobs.write_manifest(path, b"first")
    assert not await blobs.write_manifest(path, b"second")
    assert await blobs.read_manifest(path) == b"first"


async def test_one_of_many_writers_wins(blobs: Blobs) -> None:
    """Of writers that meet exactly one is told that it wrote, and what is there is its own."""
    path = somewhere()
    contents = [f"writer {number}".encode() for number in range(8)]

    won = await asyncio.gather(*(blobs.write_manifest(path, content) for content in contents))

    assert won.count(True) == 1
    assert await blobs.read_manifest(path) == contents[won.index(True)]


async def test_manifest_that_is_not_there_is_none(blobs: Blobs, azurite: Azurite) -> None:
    """Neither without the blob nor without the container; to remove it then is no error."""
    await blobs.write_manifest(somewhere(), b"so that there is a container")
    path = somewhere()

    assert await blobs.read_manifest(path) is None
    await blobs.remove_manifest(path)

    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        await service.delete_container(MANIFESTS)
    assert await blobs.read_manifest(path) is None
    await blobs.remove_manifest(path)


async def test_container_is_made_by_the_first_manifest(blobs: Blobs, azurite: Azurite) -> None:
    """Also where several instances need it at once."""
    await blobs.write_manifest(somewhere(), b"{}")
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        await service.delete_container(MANIFESTS)
    paths = [somewhere() for _ in range(4)]

    assert all(await asyncio.gather(*(blobs.write_manifest(path, b"{}") for path in paths)))


async def test_removed_manifest_is_gone(blobs: Blobs) -> None:
    """What prune removes is not read any more."""
    path = somewhere()
    await blobs.write_manifest(path, b"{}")

    await blobs.remove_manifest(path)

    assert await blobs.read_manifest(path) is None


async def test_manifests_are_of_no_container_that_people_own(blobs: Blobs) -> None:
    """No sweep looks where manifests are."""
    await blobs.write_manifest(somewhere(), b"{}")

    assert MANIFESTS not in await blobs.containers()
