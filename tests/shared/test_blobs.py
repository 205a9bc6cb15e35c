"""Blob Storage as our own types, against Azurite."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from azure.storage.blob import BlobBlock, BlobProperties, ContentSettings
from azure.storage.blob.aio import BlobServiceClient, ContainerClient

from localdev.azurite import Azurite
from shared.blobs import Blobs, open_blobs
from shared.blobs.landing_account import unfinished
from shared.errors import BlobsUnavailable
from shared.landing import COPYING, DIRECTORY, LEASED
from shared.model import Arrival, Source
from shared.storage_connection import EMULATOR_KEY
from tests.fakes.arrivals import arrival

pytestmark = pytest.mark.azurite
NAMES = ["a b.csv", "100%20.csv", "a+b#c?d&e.csv", "é/e\u0301.csv", "💎.log", "x/blobs/y", "'; DROP TABLE--", "<img>"]


@pytest.fixture
async def container(azurite: Azurite) -> AsyncIterator[ContainerClient]:
    """Yield a container of its own."""
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        yield await service.create_container(f"landing-{uuid.uuid4().hex}")


@pytest.fixture
async def blobs(azurite: Azurite) -> AsyncIterator[Blobs]:
    """Yield the landing account."""
    opened = open_blobs(azurite.connection, None)
    yield opened
    await opened.close()


async def listed(blobs: Blobs, container: ContainerClient, prefix: str = "") -> list[Arrival]:
    """Return all arrivals that a listing gives."""
    pages = [page async for page in blobs.pages(container.container_name, prefix)]
    assert pages[-1].cursor == ""
    return [found for page in pages for found in page.arrivals]


async def test_listing_gives_every_field(blobs: Blobs, container: ContainerClient) -> None:
    """What the sweep compares comes from the listing, normalised."""
    uploaded = await container.upload_blob("a/b.csv", b"1,2", content_settings=ContentSettings(content_type="text/csv"))

    (found,) = await listed(blobs, container, "a/")
    properties = await uploaded.get_blob_properties()

    assert found == Arrival(
        account="devstoreaccount1",
        container=container.container_name,
        path="a/b.csv",
        version=properties.etag.strip('"'),
        committed_at=properties.last_modified,
        source=Source.SWEEP,
        size=3,
        md5=base64.b64encode(hashlib.md5(b"1,2", usedforsecurity=False).digest()).decode(),
        content_type="text/csv",
        blob_type="BlockBlob",
    )


async def test_odd_names_come_verbatim(blobs: Blobs, container: ContainerClient) -> None:
    """A listing gives names as people wrote them, and each can be asked about again."""
    for name in NAMES:
        await container.upload_blob(name, b"x")

    found = {one.path: one for one in await listed(blobs, container)}

    assert set(found) == set(NAMES)
    for one in found.values():
        assert await blobs.identify(one) == replace(one, content_type="application/octet-stream")


async def test_pages_go_on_from_a_cursor(blobs: Blobs, container: ContainerClient) -> None:
    """A listing that was interrupted continues where it stopped."""
    for number in range(7):
        await container.upload_blob(f"{number}.csv", b"x")
    small = Blobs(blobs._client, "devstoreaccount1", page_size=3)

    first = await anext(small.pages(container.container_name, ""))
    rest = [page async for page in small.pages(container.container_name, "", first.cursor)]

    assert [found.path for found in first.arrivals] == ["0.csv", "1.csv", "2.csv"]
    assert [found.path for page in rest for found in page.arrivals] == ["3.csv", "4.csv", "5.csv", "6.csv"]


async def test_block_upload_has_no_md5(blobs: Blobs, container: ContainerClient) -> None:
    """What was committed as blocks cannot be compared by content."""
    client = container.get_blob_client("big.bin")
    await client.stage_block("YQ==", b"x")
    await client.commit_block_list([BlobBlock("YQ==")])

    (found,) = await listed(blobs, container)

    assert (found.size, found.md5) == (1, None)


async def test_staged_blocks_are_no_arrival(blobs: Blobs, container: ContainerClient) -> None:
    """A file that is still being uploaded is not listed."""
    await container.get_blob_client("big.bin").stage_block("YQ==", b"x")

    assert await listed(blobs, container) == []


async def test_identify_of_a_missing_blob_is_none(blobs: Blobs, container: ContainerClient) -> None:
    """A blob that is gone is an ordinary outcome."""
    assert await blobs.identify(arrival(container=container.container_name)) is None


async def test_identify_keeps_the_time_of_an_event(blobs: Blobs, container: ContainerClient) -> None:
    """An event's time stays its own, a sweep's is the blob's."""
    await container.upload_blob("a.csv", b"x")
    event = arrival("a.csv", container=container.container_name)

    by_event = await blobs.identify(event)
    by_sweep = await blobs.identify(replace(event, source=Source.SWEEP))

    assert by_event is not None
    assert by_sweep is not None
    assert by_event.committed_at == event.committed_at
    assert by_sweep.committed_at > event.committed_at
    assert by_event.version == by_sweep.version != event.version


@pytest.mark.parametrize(
    ("content", "metadata", "expected"),
    [
        (b"", {"hdi_isfolder": "true"}, DIRECTORY),
        (b"", {"Hdi_isfolder": "True"}, DIRECTORY),
        (b"", {"hdi_isfolder": "false"}, "BlockBlob"),
        (b"", {}, "BlockBlob"),
        (b"1", {"hdi_isfolder": "true"}, "BlockBlob"),
    ],
)
async def test_directory_marker_is_told_from_an_empty_file(
    blobs: Blobs, container: ContainerClient, content: bytes, metadata: dict[str, str], expected: str
) -> None:
    """WASB and Data Factory mark directories by metadata; a listing does not show it, the blob itself does."""
    await container.upload_blob("crm", content, metadata=metadata)
    (found,) = await listed(blobs, container)

    identified = await blobs.identify(found)

    assert identified is not None
    assert (identified.blob_type, found.blob_type) == (expected, "BlockBlob")


async def test_lease_is_told_while_it_holds(blobs: Blobs, container: ContainerClient) -> None:
    """Whoever holds a lease may be about to write; given back, it says nothing any more."""
    blob = await container.upload_blob("a.csv", b"1")
    (found,) = await listed(blobs, container)
    lease = await blob.acquire_lease()
    during = await blobs.identify(found)
    await lease.release()
    after = await blobs.identify(found)

    assert during is not None
    assert after is not None
    assert (found.unfinished, during.unfinished, after.unfinished) == ("", LEASED, "")


@pytest.mark.parametrize(("status", "expected"), [("pending", COPYING), ("success", LEASED), ("failed", LEASED)])
def test_pending_copy_counts_before_a_lease(status: str, expected: str) -> None:
    """Azurite copies at once, so the properties are made here: a copy that goes on says most about the content."""
    headers = {"x-ms-copy-status": status, "x-ms-lease-state": "leased"}

    assert unfinished(BlobProperties(**headers)) == expected


async def test_backfilled_blob_gets_its_own_time(blobs: Blobs, container: ContainerClient) -> None:
    """Only an event has a time of its own: what a listing saw is as old as its blob."""
    await container.upload_blob("a.csv", b"1")
    (found,) = await listed(blobs, container)
    old = replace(found, source=Source.BACKFILL, committed_at=found.committed_at - timedelta(days=1))

    identified = await blobs.identify(old)

    assert identified is not None
    assert identified.committed_at == found.committed_at


async def test_missing_container_is_unavailable(blobs: Blobs) -> None:
    """A rule that names a container nobody made fails by itself and says which."""
    with pytest.raises(BlobsUnavailable, match="Could not list nowhere/x: Blob Storage answered 404 ContainerNotFound"):
        await anext(blobs.pages("nowhere", "x"))


async def test_system_containers_are_not_ours(blobs: Blobs, container: ContainerClient, azurite: Azurite) -> None:
    """The containers of the Functions host are left out."""
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        await service.create_container(f"azure-webjobs-{uuid.uuid4().hex}")

    found = await blobs.containers()

    assert container.container_name in found
    assert not [name for name in found if name.startswith("azure-webjobs-")]


async def test_server_time_is_the_services(blobs: Blobs) -> None:
    """Time comes from the service's own answer, aware and in whole seconds."""
    now = await blobs.server_time()

    assert now.utcoffset() is not None
    assert now.microsecond == 0


async def test_unreachable_storage_shows_no_key(azurite: Azurite) -> None:
    """When nobody answers, the error says what to check and gives nothing away."""
    dead = open_blobs(replace(azurite.connection, blob_endpoint="http://127.0.0.1:9/devstoreaccount1"), None)

    with pytest.raises(BlobsUnavailable) as caught:
        await dead.server_time()
    await dead.close()

    assert "LANDING_STORAGE" in caught.value.hint
    assert EMULATOR_KEY not in repr(caught.value)
