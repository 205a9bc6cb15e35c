"""Rules that live in a blob: followed, refused when wrong, kept when nothing better is there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from azure.storage.blob.aio import BlobServiceClient

from localdev.azurite import Azurite
from localdev.memory_table import MemoryTable
from shared.blobs import RulesBlob, open_rules_blob
from shared.errors import BlobsUnavailable, RulesError
from shared.ledger import Bookkeeping
from shared.rule_book import FollowedRules
from shared.rules import Rules
from shared.rules_source import RulesText
from tests.fakes.manual_clock import START, ManualClock

REFRESH = timedelta(seconds=30)
GOOD = 'version: 1\nrules:\n  - {name: one, path: "landing/one/{name}.csv", job: {id: 1}}\n'
OTHER = GOOD.replace("one", "two")
BAD = GOOD.replace("job: {id: 1}", "job: {id: nobody}")


class ScriptedSource:
    """A rules file that a test changes, or that cannot be read."""

    name = "config/rules.yaml"

    def __init__(self, text: str = GOOD) -> None:
        self.text = text
        self.down = False
        self.reads = 0

    async def read(self, unless: str) -> RulesText | None:
        """Return the text unless it is the one that was read before."""
        self.reads += 1
        await asyncio.sleep(0)
        if self.down:
            raise BlobsUnavailable("Could not read the rules.")
        version = f"v{hash(self.text)}"
        return None if version == unless else RulesText(text=self.text, version=version)


class Book:
    """A followed rule book and all that it is made of."""

    def __init__(self, source: ScriptedSource, bookkeeping: Bookkeeping | None = None) -> None:
        self.clock = ManualClock()
        self.source = source
        self.bookkeeping = bookkeeping or Bookkeeping(MemoryTable())
        self.book = FollowedRules(source, self.bookkeeping, self.clock, REFRESH)

    async def names(self, after: timedelta = timedelta(0)) -> list[str]:
        """Return the names of the rules in force after some time."""
        self.clock.advance(after.total_seconds())
        return names_of(await self.book.current())


def names_of(rules: Rules) -> list[str]:
    """Return the names of rules."""
    return [rule.name for rule in rules]


async def test_changed_rules_are_in_force_after_the_refresh() -> None:
    """A new version is taken when it is time to look, and not before."""
    book = Book(ScriptedSource())
    assert await book.names() == ["one"]
    book.source.text = OTHER

    assert await book.names(REFRESH / 2) == ["one"]
    assert await book.names(REFRESH) == ["two"]
    assert book.book.standing.loaded_at == START + 1.5 * REFRESH


async def test_many_callers_cost_one_look() -> None:
    """However many events come at once, the source is asked once."""
    book = Book(ScriptedSource())

    await asyncio.gather(*(book.book.current() for _ in range(50)))

    assert book.source.reads == 1


async def test_bad_version_is_refused_and_the_good_one_stays(caplog: pytest.LogCaptureFixture) -> None:
    """A mistake in a new version changes nothing but the status, and is logged once."""
    book = Book(ScriptedSource())
    await book.names()
    book.source.text = BAD

    for _ in range(3):
        assert await book.names(REFRESH) == ["one"]

    assert "config/rules.yaml:3:" in book.book.standing.problem
    assert caplog.text.count("rules.refused") == 1


async def test_mended_version_clears_the_problem() -> None:
    """When the mistake is mended the status says that all is well."""
    book = Book(ScriptedSource())
    await book.names()
    for text in (BAD, OTHER):
        book.source.text = text
        await book.names(REFRESH)

    assert book.book.standing.problem == ""
    assert await book.names() == ["two"]


async def test_unreadable_source_keeps_what_is_in_force() -> None:
    """While the blob cannot be read the rules stay, and status says why they may be old."""
    book = Book(ScriptedSource())
    await book.names()
    book.source.down = True

    assert await book.names(REFRESH) == ["one"]
    assert "Could not read the rules" in book.book.standing.problem


async def test_new_instance_starts_with_the_last_good_rules() -> None:
    """An instance that starts while the newest version is wrong uses what another has found good."""
    first = Book(ScriptedSource())
    await first.names()
    second = Book(ScriptedSource(BAD), first.bookkeeping)

    assert await second.names() == ["one"]
    assert "config/rules.yaml:3:" in second.book.standing.problem


@pytest.mark.parametrize(("source", "error"), [(ScriptedSource(BAD), RulesError), (None, BlobsUnavailable)])
async def test_first_rules_that_cannot_be_had_are_an_error(
    source: ScriptedSource | None, error: type[Exception]
) -> None:
    """With nothing good anywhere, events must be delivered again: the error is raised at every call."""
    if source is None:
        source = ScriptedSource()
        source.down = True
    book = Book(source)

    for _ in range(2):
        with pytest.raises(error):
            await book.names()


@pytest.fixture
async def blob(azurite: Azurite) -> AsyncIterator[RulesBlob]:
    """Yield a rules blob in Azurite."""
    container = f"config-{uuid.uuid4().hex}"
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        await service.create_container(container)
        await service.get_blob_client(container, "rules.yaml").upload_blob(GOOD)
    url = f"{azurite.connection.blob_endpoint}/{container}/rules.yaml"
    opened = open_rules_blob(url, azurite.connection, None)
    yield opened
    await opened.close()


@pytest.mark.azurite
async def test_blob_is_read_when_its_etag_has_changed(blob: RulesBlob, azurite: Azurite) -> None:
    """The blob's text comes once per version."""
    first = await blob.read("")
    assert first is not None
    unchanged = await blob.read(first.version)
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container, name = blob.name.split("/")
        await service.get_blob_client(container, name).upload_blob(OTHER, overwrite=True)

    second = await blob.read(first.version)

    assert first.text == GOOD
    assert unchanged is None
    assert second is not None
    assert second.text == OTHER


@pytest.mark.azurite
async def test_missing_blob_is_unavailable(azurite: Azurite) -> None:
    """A rules blob that is not there is named."""
    blob = open_rules_blob(f"{azurite.connection.blob_endpoint}/nowhere/rules.yaml", azurite.connection, None)

    with pytest.raises(BlobsUnavailable, match=r"nowhere/rules\.yaml"):
        await blob.read("")
    await blob.close()


def test_signature_in_the_address_is_not_shown(azurite: Azurite) -> None:
    """The name of the source is a place, never an address with its signature."""
    blob = open_rules_blob("https://acct.blob.core.windows.net/config/rules.yaml?sig=canary", azurite.connection, None)

    assert blob.name == "config/rules.yaml"


async def test_large_rules_are_kept_in_the_ledger(azurite: Azurite) -> None:
    """A text of many rules survives storage; one that is too large even compressed is left out."""
    from shared.ledger.azure_table import open_table  # noqa: PLC0415 - only this test needs a real table

    table = open_table(azurite.connection, f"rules{uuid.uuid4().hex}", None)
    bookkeeping = Bookkeeping(table)
    large = GOOD + "".join(f"  # {uuid.uuid4()}\n" for _ in range(5000))
    await bookkeeping.save_rules(large, "v1")

    assert await bookkeeping.last_rules() == (large, "v1")
    await bookkeeping.save_rules("".join(uuid.uuid4().hex for _ in range(60_000)), "v2")
    assert await bookkeeping.last_rules() == (large, "v1")
    await table.close()
