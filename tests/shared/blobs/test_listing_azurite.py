"""Listings of a real server: what we decode is what `list_blobs` says, and it is the fast reader that decodes it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
from azure.storage.blob import ContentSettings
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from localdev.azurite import Azurite
from shared.blobs import Blobs, open_blobs, page_decoder
from shared.blobs.page_decoder import Decoded
from shared.model import Arrival

pytestmark = pytest.mark.azurite
NAMES = [
    "a b/1.csv",
    "a&b=c/1.csv",
    "100%20/1.csv",
    "a+b#c?d/1.csv",
    "é/e\u0301.csv",
    "💎/1.csv",
    "<Blob>/</Name>",
    "{{x}}/'\"",
]


@pytest.fixture
async def container(azurite: Azurite) -> AsyncIterator[ContainerClient]:
    """Yield a container of its own that holds a blob of each odd name."""
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        made = await service.create_container(f"landing-{uuid.uuid4().hex}")
        for number, name in enumerate(NAMES):
            kind = ContentSettings(content_type=f'text/csv; charset="utf-8"; n={number}&<>')
            await made.upload_blob(name, b"x" * number, content_settings=kind)
        yield made


@pytest.fixture
async def blobs(azurite: Azurite) -> AsyncIterator[Blobs]:
    """Yield the landing account."""
    opened = open_blobs(azurite.connection, None)
    yield opened
    await opened.close()


async def listed(blobs: Blobs, container: ContainerClient, prefix: str = "") -> list[Arrival]:
    """Return all arrivals that a listing gives."""
    return [found async for page in blobs.pages(container.container_name, prefix) for found in page.arrivals]


async def test_listing_is_the_sdks_listing(blobs: Blobs, container: ContainerClient) -> None:
    """Names, ETags, times, sizes and types of odd blobs are those that the SDK gives."""
    expected = [
        (one.name, one.etag, one.last_modified, one.size, one.content_settings.content_type, one.blob_type.value)
        async for one in container.list_blobs()
    ]

    found = await listed(blobs, container)

    assert [
        (one.path, one.version, one.committed_at, one.size, one.content_type, one.blob_type) for one in found
    ] == expected
    assert sorted(one.path for one in found) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
async def test_odd_prefixes_find_their_blobs(blobs: Blobs, container: ContainerClient, name: str) -> None:
    """A prefix reaches the server as it is, signed as it is sent."""
    found = await listed(blobs, container, name[: name.index("/") + 1])

    assert [one.path for one in found] == [name]


async def test_small_pages_hold_everything_once(blobs: Blobs, container: ContainerClient) -> None:
    """Markers of odd names lead from page to page without a gap or a repetition."""
    small = Blobs(blobs._client, "devstoreaccount1", page_size=1)

    assert await listed(small, container) == await listed(blobs, container)


async def test_azurites_pages_need_no_parser(
    blobs: Blobs, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emulator's pages are read as fast as Azure's."""

    def refuse(*_: object) -> Decoded:
        raise AssertionError("the page went to the parser")

    monkeypatch.setattr(page_decoder, "parse_page", refuse)

    assert len(await listed(blobs, container)) == len(NAMES)
