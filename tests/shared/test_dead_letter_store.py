"""The container of dead letters: one contract, kept by tests' memory and by Blob Storage (Azurite)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest
from azure.storage.blob import BlobBlock
from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient

from localdev.azurite import Azurite
from shared.blobs.dead_letter_blobs import DeadLetterBlobs, open_dead_letter_blobs
from shared.dead_letter_store import DeadLetterStore, Folder, StoredLetter, place_in
from shared.errors import BlobsUnavailable
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_dead_letters import MemoryDeadLetters

LETTER = "CRM-EVENTS/2026/11/22/5/11111111-1111-1111-1111-111111111111.json"
ODD_NAMES = [
    "a b#c?d&e.json",
    "100%20.json",
    "é/e\u0301.json",
    "💎.json",
    "'; DROP TABLE--",
    "<img>",
    "handled",
    "Z//x",
]


class Store(DeadLetterStore, Protocol):
    """A store in which a test can write and look."""

    async def put(self, name: str, content: bytes) -> None:
        """Write a blob, in place of one that is there."""

    async def remove(self, name: str) -> None:
        """Remove a blob."""

    async def contents(self) -> dict[str, bytes]:
        """Return every blob's content by its name."""


class AzuriteStore(DeadLetterBlobs):
    """The real implementation, and the container behind it."""

    async def put(self, name: str, content: bytes) -> None:
        """Write a blob, in place of one that is there."""
        await self._client.upload_blob(name, content, overwrite=True)

    async def remove(self, name: str) -> None:
        """Remove a blob."""
        await self._client.delete_blob(name)

    async def contents(self) -> dict[str, bytes]:
        """Return every blob's content by its name."""
        names = [name async for name in self._client.list_blob_names()]
        return {name: await (await self._client.download_blob(name)).readall() for name in names}


@pytest.fixture
async def container(azurite: Azurite) -> AsyncIterator[ContainerClient]:
    """Yield a container of its own."""
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        yield await service.create_container(f"dead-letters-{uuid.uuid4().hex}")


@pytest.fixture
async def blobs(azurite: Azurite, container: ContainerClient) -> AsyncIterator[DeadLetterBlobs]:
    """Yield the container as the service opens it."""
    opened = open_dead_letter_blobs(azurite.connection, container.container_name, None)
    yield opened
    await opened.close()


@pytest.fixture(params=["memory", pytest.param("azurite", marks=pytest.mark.azurite)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Yield an empty container."""
    if request.param == "memory":
        yield MemoryDeadLetters(ManualClock())
        return
    azurite: Azurite = request.getfixturevalue("azurite")
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        client = await service.create_container(f"dead-letters-{uuid.uuid4().hex}")
        yield AzuriteStore(client, azurite.connection.account)


async def only_letter(store: Store) -> StoredLetter:
    """Return the only letter that waits."""
    (letter,) = await store.waiting(10)
    return letter


async def test_letters_wait_outside_the_folders(store: Store) -> None:
    """What was put aside is never found again; a subscription called `handled` is, in its upper case."""
    names = ["CRM-EVENTS/2026/11/22/5/a.json", "HANDLED/2026/11/22/5/b.json", "lying-about.json", "handledx/c.json"]
    for name in [*names, "handled/CRM-EVENTS/2026/11/22/5/d.json", "unreadable/e.json"]:
        await store.put(name, b"[]")

    assert sorted(letter.name for letter in await store.waiting(10)) == sorted(names)


async def test_no_more_letters_are_listed_than_asked(store: Store) -> None:
    """A pass looks at a bounded number of blobs, the first ones by name."""
    for number in range(5):
        await store.put(f"CRM-EVENTS/2026/11/22/5/{number}.json", b"[]")

    assert [letter.name[-6:] for letter in await store.waiting(2)] == ["0.json", "1.json"]


async def test_letter_is_read_whole(store: Store) -> None:
    """A letter tells its size, and its content comes as it was written."""
    content = b"\xef\xbb\xbf[{}]\xff" * 1000
    await store.put(LETTER, content)
    letter = await only_letter(store)

    assert letter.size == len(content)
    assert await store.read(letter) == content


async def test_moved_letter_lies_in_its_folder(store: Store) -> None:
    """A letter that is done with keeps its name and its content below the folder's name."""
    await store.put(LETTER, b"[1]")
    moved = await store.move(await only_letter(store), Folder.HANDLED)

    assert moved
    assert await store.contents() == {f"handled/{LETTER}": b"[1]"}


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_odd_names_are_read_and_moved(store: Store, name: str) -> None:
    """A blob may be called anything: it is put aside like any other."""
    await store.put(name, b"x")
    letter = await only_letter(store)
    content = await store.read(letter)
    moved = await store.move(letter, Folder.UNREADABLE)

    assert (content, moved) == (b"x", True)
    assert await store.contents() == {f"unreadable/{name}": b"x"}


async def test_longest_name_is_moved(store: Store) -> None:
    """A name that leaves no room for the folder's is replaced by its digest."""
    name = "CRM/" + "x" * 1020
    await store.put(name, b"x")
    await store.move(await only_letter(store), Folder.HANDLED)

    assert await store.contents() == {place_in(Folder.HANDLED, name): b"x"}


def test_places_fit_blob_storage() -> None:
    """No place in a folder has more characters or segments than Blob Storage allows, and no two names share one."""
    names = ["💎" * 512, "x" * 1024, "x" * 1023 + "y", "/".join("s" * 254), "/".join("t" * 254), "short.json"]
    places = [place_in(folder, name) for folder in Folder for name in names]

    assert all(len(place.encode("utf-16-le")) <= 2048 and place.count("/") <= 253 for place in places)
    assert len(set(places)) == len(places)


async def test_move_after_a_crash_is_completed(store: Store) -> None:
    """Between the copy and the removal a crash leaves both; the next move finds the copy and only removes."""
    await store.put(LETTER, b"[1]")
    await store.put(f"handled/{LETTER}", b"[1]")
    moved = await store.move(await only_letter(store), Folder.HANDLED)

    assert moved
    assert await store.contents() == {f"handled/{LETTER}": b"[1]"}


async def test_move_never_replaces_another_letter(store: Store) -> None:
    """A file of the same name with other content keeps its place; the second one gets its version as a suffix."""
    await store.put(f"handled/{LETTER}", b"[1]")
    await store.put(LETTER, b"[2]")
    letter = await only_letter(store)
    moved = await store.move(letter, Folder.HANDLED)

    assert moved
    assert await store.contents() == {
        f"handled/{LETTER}": b"[1]",
        f"handled/{LETTER}.{letter.version}": b"[2]",
    }


async def test_letter_that_is_gone_is_nobodys_error(store: Store) -> None:
    """Another instance handled it between our listing and our reading."""
    await store.put(LETTER, b"[1]")
    letter = await only_letter(store)
    await store.remove(LETTER)

    assert await store.read(letter) is None
    assert not await store.move(letter, Folder.HANDLED)
    assert await store.contents() == {}


async def test_letter_that_was_changed_stays(store: Store) -> None:
    """What was written after we had listed is neither taken for what we saw nor removed."""
    await store.put(LETTER, b"[1]")
    letter = await only_letter(store)
    await store.put(LETTER, b"[1,2]")

    assert await store.read(letter) is None
    assert not await store.move(letter, Folder.HANDLED)
    assert await store.contents() == {LETTER: b"[1,2]"}


async def test_instances_that_move_at_once_lose_nothing(store: Store) -> None:
    """However many instances move one letter, it ends in its folder, once, and at least one of them did it."""
    await store.put(LETTER, b"[1]")
    letter = await only_letter(store)
    moved = await asyncio.gather(*(store.move(letter, Folder.HANDLED) for _ in range(8)))

    assert any(moved)
    assert await store.contents() == {f"handled/{LETTER}": b"[1]"}


@pytest.mark.azurite
async def test_letters_without_md5_are_not_taken_for_each_other(
    blobs: DeadLetterBlobs, container: ContainerClient
) -> None:
    """Blobs written in blocks have no MD5: one of the same size is copied beside the other, never given up for it."""
    for name, content in ((f"handled/{LETTER}", b"[1]"), (LETTER, b"[2]")):
        blob = container.get_blob_client(name)
        await blob.stage_block("YQ==", content)
        await blob.commit_block_list([BlobBlock("YQ==")])
    (letter,) = await blobs.waiting(10)
    moved = await blobs.move(letter, Folder.HANDLED)
    beside = await container.download_blob(f"handled/{LETTER}.{letter.version}")

    assert letter.md5 is None
    assert moved
    assert await beside.readall() == b"[2]"
    assert await blobs.waiting(10) == []


@pytest.mark.azurite
async def test_letter_changed_after_its_copy_is_not_removed(
    blobs: DeadLetterBlobs, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the version that was copied is removed: what replaced it meanwhile is a letter of its own."""
    await container.upload_blob(LETTER, b"[1]")
    (letter,) = await blobs.waiting(10)
    copy = BlobClient.start_copy_from_url

    async def copy_and_change(target: BlobClient, *arguments: Any, **options: Any) -> Any:
        status = await copy(target, *arguments, **options)
        await container.upload_blob(LETTER, b"[2]", overwrite=True)
        return status

    monkeypatch.setattr(BlobClient, "start_copy_from_url", copy_and_change)
    moved = await blobs.move(letter, Folder.HANDLED)
    (changed,) = await blobs.waiting(10)

    assert not moved
    assert await blobs.read(changed) == b"[2]"


@pytest.mark.azurite
async def test_letter_waits_for_a_copy_that_takes_long(
    blobs: DeadLetterBlobs, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Azure may copy in the background: the letter is removed when its copy is whole, by a later move."""
    await container.upload_blob(LETTER, b"[1]")
    (letter,) = await blobs.waiting(10)
    copy = BlobClient.start_copy_from_url

    async def copy_slowly(target: BlobClient, *arguments: Any, **options: Any) -> Any:
        return {**await copy(target, *arguments, **options), "copy_status": "pending"}

    monkeypatch.setattr(BlobClient, "start_copy_from_url", copy_slowly)
    with pytest.raises(BlobsUnavailable, match="is not finished"):
        await blobs.move(letter, Folder.HANDLED)
    still_there = await blobs.read(letter)
    monkeypatch.undo()

    assert still_there == b"[1]"
    assert await blobs.move(letter, Folder.HANDLED)
    assert await blobs.waiting(10) == []


@pytest.mark.azurite
async def test_leased_letter_is_an_error(blobs: DeadLetterBlobs, container: ContainerClient) -> None:
    """A lease that somebody holds is said, and not taken for another instance's success."""
    blob = await container.upload_blob(LETTER, b"[1]")
    lease = await blob.acquire_lease()
    (letter,) = await blobs.waiting(10)

    with pytest.raises(BlobsUnavailable, match=r"(?i)412 \S*lease"):
        await blobs.move(letter, Folder.HANDLED)
    await lease.release()
    assert await blobs.move(letter, Folder.HANDLED)


@pytest.mark.azurite
async def test_directories_are_no_letters(blobs: DeadLetterBlobs, container: ContainerClient) -> None:
    """An account with hierarchical namespace lists its directories as empty blobs."""
    await container.upload_blob("CRM", b"", metadata={"hdi_isfolder": "true"})
    await container.upload_blob("CRM/2026", b"", metadata={"Hdi_isfolder": "true"})
    await container.upload_blob("CRM/2026/empty.json", b"")

    assert [letter.name for letter in await blobs.waiting(10)] == ["CRM/2026/empty.json"]


@pytest.mark.azurite
async def test_missing_container_is_an_error(azurite: Azurite) -> None:
    """A container that does not exist is never taken for one without dead letters."""
    opened = open_dead_letter_blobs(azurite.connection, "dead-letters-that-nobody-made", None)
    letter = StoredLetter(name="x", version="v", size=1, md5=None, written_at=ManualClock().now())

    for attempt in (opened.waiting(10), opened.read(letter), opened.move(letter, Folder.HANDLED)):
        with pytest.raises(BlobsUnavailable, match=r"404|ContainerNotFound"):
            await attempt
    await opened.close()
