"""What is done to blobs in a real Azurite becomes the changes that Azure would raise events for."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import pytest
from azure.storage.blob import BlobBlock, ContentSettings
from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient

from localdev.azurite import Azurite
from localdev.event_grid.blob_changes import Change
from localdev.event_grid.watcher import Watcher
from tests.localdev.event_grid.conftest import OwnAzurite

pytestmark = pytest.mark.azurite
ODD_NAMES = [
    "with space/and#hash?and=query&more.csv",
    "literally%20percent%2Fencoded.csv",
    "a+b;c,d'e\"f<g>.csv",
    "2024-11-19T18:58:31UTC.json",
    "año/fichier_é_\u0301.csv",
    "tasklog_14💎.log",
    "a/blobs/b/blobs/c.csv",
    "trailing.",
    "long/" + "n" * 1019,
]


@pytest.fixture
async def watcher(service: BlobServiceClient, container: ContainerClient) -> Watcher:
    """Return a watcher of one container, its baseline taken."""
    return await watching(service, container)


async def watching(service: BlobServiceClient, container: ContainerClient, **options: Any) -> Watcher:
    """Return a watcher of one container that has looked once."""
    watcher = Watcher(service, containers=[str(container.container_name)], **options)
    assert await watcher.look() == []
    return watcher


def told(changes: list[Change]) -> list[tuple[str, str]]:
    """Return what changes say, in their order."""
    return [(change.api.value, change.path) for change in changes]


async def put(container: ContainerClient, path: str, content: bytes = b"one", **options: Any) -> None:
    """Write a blob in one piece."""
    await container.upload_blob(path, content, overwrite=True, **options)


async def commit(container: ContainerClient, path: str, content: bytes = b"one", block: str = "b1") -> None:
    """Write a blob as a block and a block list."""
    blob = container.get_blob_client(path)
    await blob.stage_block(block, content)
    await blob.commit_block_list([BlobBlock(block)])


async def test_upload_is_a_put_blob(watcher: Watcher, container: ContainerClient) -> None:
    """A small upload is told with all that the listing knows, and told once."""
    await put(container, "a.csv", content_settings=ContentSettings(content_type="text/csv"))

    (change,) = await watcher.look()
    state = change.state
    properties = await container.get_blob_client("a.csv").get_blob_properties()
    assert told([change]) == [("PutBlob", "a.csv")]
    assert f'"{state.etag}"' == properties.etag
    assert (state.size, state.blob_type, state.content_type) == (3, "BlockBlob", "text/csv")
    assert (state.access_tier, state.last_modified) == ("Default", properties.last_modified)
    assert await watcher.look() == []


async def test_empty_upload_is_a_put_blob(watcher: Watcher, container: ContainerClient) -> None:
    """A marker file without content is a file."""
    await put(container, "_SUCCESS", b"")

    (change,) = await watcher.look()
    assert (change.api, change.state.size) == ("PutBlob", 0)


async def test_large_upload_is_a_block_list(watcher: Watcher, container: ContainerClient, azurite: Azurite) -> None:
    """What the SDK uploads in pieces is one change, when it is committed."""
    async with BlobServiceClient.from_connection_string(
        azurite.connection_string, max_single_put_size=4, max_block_size=4
    ) as chunking:
        name = str(container.container_name)
        await chunking.get_container_client(name).upload_blob("large.csv", b"ten bytes!")

    assert told(await watcher.look()) == [("PutBlockList", "large.csv")]


async def test_staged_block_is_nothing(watcher: Watcher, container: ContainerClient) -> None:
    """Blocks that are not committed are no blob yet."""
    await container.get_blob_client("a.csv").stage_block("b1", b"one")

    assert await watcher.look() == []


async def test_copy_is_a_copy(watcher: Watcher, container: ContainerClient) -> None:
    """A server-side copy is told as such, each time."""
    await put(container, "a.csv")
    await watcher.look()
    source = container.get_blob_client("a.csv").url
    target = container.get_blob_client("b.csv")

    await target.start_copy_from_url(source)
    first = await watcher.look()
    await target.start_copy_from_url(source)
    second = await watcher.look()

    assert told(first) == told(second) == [("CopyBlob", "b.csv")]
    assert first[0].state.etag != second[0].state.etag


@pytest.mark.parametrize("content", [b"one", b"two", b"other size"])
async def test_overwrite_is_a_new_version(watcher: Watcher, container: ContainerClient, content: bytes) -> None:
    """The same blob written again is told again, the same content within the same second included."""
    await put(container, "a.csv")
    (first,) = await watcher.look()

    await put(container, "a.csv", content)

    (second,) = await watcher.look()
    assert told([second]) == [("PutBlob", "a.csv")]
    assert first.state.etag != second.state.etag


@pytest.mark.parametrize(
    ("before", "after"),
    [(put, commit), (commit, put), (commit, commit)],
    ids=["blocks over a blob", "a blob over blocks", "the same blocks again"],
)
async def test_overwrite_by_blocks_is_told(
    watcher: Watcher, container: ContainerClient, before: Any, after: Any
) -> None:
    """Blocks of the same size are told from a touch by the block list, though there is no MD5 to go by."""
    await before(container, "a.csv")
    await watcher.look()

    await after(container, "a.csv")

    expected = "PutBlockList" if after is commit else "PutBlob"
    assert told(await watcher.look()) == [(expected, "a.csv")]


@pytest.mark.parametrize("write", [put, commit])
async def test_touch_is_nothing(watcher: Watcher, container: ContainerClient, write: Any) -> None:
    """Metadata, headers, tags, tiers, leases and snapshots raise no event, though some move the ETag."""
    blob = container.get_blob_client("a.csv")
    await write(container, "a.csv")
    await watcher.look()
    etag = (await blob.get_blob_properties()).etag

    await blob.set_blob_metadata({"seen": "yes"})
    found = await watcher.look()
    await blob.set_http_headers(ContentSettings(content_type="text/plain"))
    found += await watcher.look()
    await blob.set_blob_tags({"a": "b"})
    found += await watcher.look()
    await blob.set_standard_blob_tier("Cool")
    found += await watcher.look()
    await blob.create_snapshot()
    found += await watcher.look()
    await blob.acquire_lease(60)
    found += await watcher.look()

    assert found == []
    assert (await blob.get_blob_properties()).etag != etag


async def test_write_after_a_touch_is_told(watcher: Watcher, container: ContainerClient) -> None:
    """A touch does not hide what comes after it."""
    await put(container, "a.csv")
    await watcher.look()
    await container.get_blob_client("a.csv").set_blob_metadata({"seen": "yes"})
    await watcher.look()

    await put(container, "a.csv", b"two")

    assert told(await watcher.look()) == [("PutBlob", "a.csv")]


async def test_append_blob_is_told_when_it_is_created(watcher: Watcher, container: ContainerClient) -> None:
    """Appending raises no event."""
    blob = container.get_blob_client("log.txt")
    await blob.create_append_blob()
    first = await watcher.look()
    await blob.append_block(b"line")

    assert told(first) == [("PutBlob", "log.txt")]
    assert first[0].state.blob_type == "AppendBlob"
    assert await watcher.look() == []


async def test_deletion_is_told(watcher: Watcher, container: ContainerClient) -> None:
    """A blob that is gone is told, and one that came and went between two looks is not."""
    await put(container, "a.csv")
    await watcher.look()
    await put(container, "brief.csv")
    await container.delete_blob("a.csv")
    await container.delete_blob("brief.csv")

    assert told(await watcher.look()) == [("DeleteBlob", "a.csv")]


async def test_odd_names_are_told_verbatim(watcher: Watcher, container: ContainerClient) -> None:
    """A name is what it was written as: nothing is encoded, decoded or normalised."""
    for name in ODD_NAMES:
        await put(container, name)

    assert sorted(path for _, path in told(await watcher.look())) == sorted(ODD_NAMES)


async def test_blobs_of_the_first_look_are_known(service: BlobServiceClient, container: ContainerClient) -> None:
    """What is there when watching starts is no change; its next version is."""
    await put(container, "old.csv")
    watcher = await watching(service, container)

    await put(container, "old.csv", b"two")

    assert told(await watcher.look()) == [("PutBlob", "old.csv")]


async def test_existing_blobs_are_announced_on_request(service: BlobServiceClient, container: ContainerClient) -> None:
    """With the option, the first look tells everything."""
    await put(container, "old.csv")

    watcher = Watcher(service, containers=[str(container.container_name)], announce_existing=True)

    assert told(await watcher.look()) == [("PutBlob", "old.csv")]
    assert await watcher.look() == []


async def test_containers_that_appear_are_watched(service: BlobServiceClient) -> None:
    """All of a new container is new; a deleted container is forgotten without a word for each blob."""
    watcher = Watcher(service)
    await watcher.look()
    async with await service.create_container(f"landing-{uuid4().hex[:8]}") as added:
        await put(added, "a.csv")
        appeared = [change for change in await watcher.look() if change.container == added.container_name]
        await added.delete_container()
        disappeared = [change for change in await watcher.look() if change.container == added.container_name]

    assert told(appeared) == [("PutBlob", "a.csv")]
    assert disappeared == []


async def test_container_made_anew_has_no_past(service: BlobServiceClient) -> None:
    """What was in a container before it was deleted is not missed in the next one of its name."""
    name = f"landing-{uuid4().hex[:8]}"
    container = await service.create_container(name)
    await put(container, "old.csv")
    watcher = await watching(service, container)
    await container.delete_container()
    gone = await watcher.look()
    await container.create_container()
    await put(container, "new.csv")

    assert gone == []
    assert told(await watcher.look()) == [("PutBlob", "new.csv")]
    await container.delete_container()


async def test_unwatched_containers_are_left_alone(service: BlobServiceClient, container: ContainerClient) -> None:
    """Containers of the Functions host, excluded ones and those not asked for are not watched."""
    host = f"azure-webjobs-{uuid4().hex[:8]}"
    dead = f"dead-{uuid4().hex[:8]}"
    everything = Watcher(service, excluded=[dead])
    only = Watcher(service, containers=["landing-other"])
    await everything.look()
    await only.look()
    for name in (host, dead):
        async with await service.create_container(name) as other:
            await put(other, "a.json")
    await put(container, "a.csv")

    watched = {change.container for change in await everything.look()}
    assert container.container_name in watched
    assert not watched & {host, dead}
    assert await only.look() == []


async def test_changes_come_oldest_first(watcher: Watcher, container: ContainerClient) -> None:
    """Within a look, changes are in the order of their last modification, then of their names."""
    for number in (7, 2, 9, 0, 5, 3, 8, 1, 6, 4):
        await put(container, f"{number}.csv")

    order = [(change.state.last_modified, change.path) for change in await watcher.look()]
    assert len(order) == 10
    assert order == sorted(order)


async def test_blob_that_moves_on_during_the_look_is_told_later(
    watcher: Watcher, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that is gone before its blocks are read is never told with the blocks of the next."""
    await commit(container, "a.csv")
    original = BlobClient.get_block_list

    async def overwrite_first(self: Any, *arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(BlobClient, "get_block_list", original)
        await commit(container, "a.csv", b"two", block="b2")
        return await original(self, *arguments, **options)

    monkeypatch.setattr(BlobClient, "get_block_list", overwrite_first)
    during, after = await watcher.look(), await watcher.look()

    properties = await container.get_blob_client("a.csv").get_blob_properties()
    assert during == []
    assert [f'"{change.state.etag}"' for change in after] == [properties.etag]


async def test_blob_that_goes_during_the_look_is_a_deletion(
    watcher: Watcher, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version whose blocks cannot be read any more was never there; the others of the look are told all the same."""
    await commit(container, "a.csv")
    await watcher.look()
    await commit(container, "a.csv", b"two", block="b2")
    await put(container, "b.csv")
    original = BlobClient.get_block_list

    async def delete_first(self: Any, *arguments: Any, **options: Any) -> Any:
        await container.delete_blob("a.csv")
        return await original(self, *arguments, **options)

    monkeypatch.setattr(BlobClient, "get_block_list", delete_first)
    during, after = await watcher.look(), await watcher.look()

    assert told(during) == [("PutBlob", "b.csv")]
    assert told(after) == [("DeleteBlob", "a.csv")]


async def test_outage_delays_changes_only(own_azurite: OwnAzurite, caplog: pytest.LogCaptureFixture) -> None:
    """What happened around an outage is told after it, nothing is told twice, and the log has a line for each turn."""
    azurite, service = own_azurite
    landing = await service.create_container("landing")
    await put(landing, "known.csv")
    watcher = Watcher(service)
    await watcher.look()
    await put(landing, "before.csv")
    await landing.delete_blob("known.csv")
    azurite.stop()
    with caplog.at_level(logging.INFO, logger="landfall"):
        during = [await watcher.look() for _ in range(3)]
        azurite.start()
        await put(landing, "after.csv")
        after = await watcher.look()
        again = await watcher.look()

    assert during == [[], [], []]
    assert sorted(told(after)) == [("DeleteBlob", "known.csv"), ("PutBlob", "after.csv"), ("PutBlob", "before.csv")]
    assert again == []
    assert [message.split()[0] for message in caplog.messages] == [
        "eventgrid.watch_failed",
        "eventgrid.watch_recovered",
    ]


async def test_outage_at_the_start_delays_the_baseline(own_azurite: OwnAzurite) -> None:
    """What is there at the first look that succeeds is known, however late that is."""
    azurite, service = own_azurite
    landing = await service.create_container("landing")
    await put(landing, "old.csv")
    azurite.stop()
    watcher = Watcher(service)
    await watcher.look()
    looked = watcher.has_looked
    azurite.start()
    first = await watcher.look()
    await put(landing, "new.csv")

    assert (looked, first, watcher.has_looked) == (False, [], True)
    assert told(await watcher.look()) == [("PutBlob", "new.csv")]


async def test_container_that_cannot_be_listed_does_not_stop_others(
    own_azurite: OwnAzurite, caplog: pytest.LogCaptureFixture
) -> None:
    """A name that breaks Azurite's listing costs its container only; the log names it once."""
    _, service = own_azurite
    broken, healthy = await service.create_container("broken"), await service.create_container("healthy")
    await put(broken, "control\x01character.csv")
    with caplog.at_level(logging.INFO, logger="landfall"):
        watcher = Watcher(service)
        await watcher.look()
        await put(healthy, "a.csv")
        found = [told(await watcher.look()) for _ in range(2)]

    assert found == [[("PutBlob", "a.csv")], []]
    assert [message.split()[:2] for message in caplog.messages if message.startswith("eventgrid")] == [
        ["eventgrid.watch_failed", "container=broken"]
    ]
    await broken.delete_blob("control\x01character.csv")
    await put(broken, "old.csv")
    assert await watcher.look() == [], "the first listing that succeeds is the baseline of this container"
    await put(broken, "new.csv")
    assert told(await watcher.look()) == [("PutBlob", "new.csv")]
