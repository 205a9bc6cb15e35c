"""Hostile names in a real Azurite: uploaded, listed, looked up, swept, and kept in a real table."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobServiceClient

from localdev.azurite import Azurite
from shared.blobs import Blobs, open_blobs
from shared.errors import BlobsUnavailable
from shared.ledger import Table
from shared.ledger.azure_table import open_table
from shared.model import Arrival, Source, State
from tests.fakes.arrivals import arrival
from tests.fakes.manual_clock import ManualClock
from tests.fakes.table_faults import FaultyTable
from tests.fakes.world import World, event_body
from tests.hostile import tally
from tests.hostile.corpus import Name, label, names

pytestmark = pytest.mark.azurite
ALL = [name for name in names() if name.azurite != "skipped"]
SAME = [name for name in ALL if name.azurite == "same"]
SHOWN = [name for name in ALL if name.azurite.startswith("shown: ")]
REFUSED = [name for name in ALL if name.azurite == "refused"]
BREAKING = [name for name in ALL if name.azurite == "breaks"]
RULE = '  - {name: NAME, path: "CONTAINER/**", job: {id: 7}, notebook_params: {path: "{blob.path}"}}\n'


@pytest.fixture
async def service(azurite: Azurite) -> AsyncIterator[BlobServiceClient]:
    """Yield a client of the account, as an uploader has it."""
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as opened:
        before = {container.name async for container in opened.list_containers()}
        yield opened
        # Other tests list all containers of this Azurite, and some names break a listing for ever.
        async for container in opened.list_containers():
            if container.name not in before:
                await opened.delete_container(container.name)


@pytest.fixture
async def blobs(azurite: Azurite) -> AsyncIterator[Blobs]:
    """Yield the landing account."""
    opened = open_blobs(azurite.connection, None)
    yield opened
    await opened.close()


@pytest.fixture
async def table(azurite: Azurite) -> AsyncIterator[Table]:
    """Yield a ledger of its own."""
    opened = open_table(azurite.connection, f"hostile{uuid.uuid4().hex}", None)
    yield opened
    await opened.close()


@pytest.fixture
async def impatient(azurite: Azurite) -> AsyncIterator[Blobs]:
    """Yield the landing account without the patience of repeating what failed: here it fails each time."""
    client = BlobServiceClient.from_connection_string(azurite.connection_string, retry_total=0)
    opened = Blobs(client, azurite.connection.account)
    yield opened
    await opened.close()


def world_over(blobs: Blobs, table: Table, *containers: str) -> World:
    """Return a service with a rule for each real container and a real ledger, that gives events no time of grace."""
    each = enumerate(containers)
    rules = "version: 1\nrules:\n" + "".join(
        RULE.replace("CONTAINER", container).replace("NAME", f"r{number}") for number, container in each
    )
    world = World(rules, RECONCILE_GRACE="0s")
    world.clock = ManualClock(datetime.now(UTC))
    world.landing = cast("Any", blobs)
    world.table = FaultyTable(table)
    world.restart(rules)
    return world


async def new_container(service: BlobServiceClient) -> str:
    """Make a container and return its name."""
    name = f"landing-{uuid.uuid4().hex}"
    await service.create_container(name)
    return name


async def listed(blobs: Blobs, container: str) -> list[str]:
    """Return the names that a listing gives."""
    return [found.path async for page in blobs.pages(container, "") for found in page.arrivals]


async def test_names_are_uploaded_announced_listed_and_swept(
    service: BlobServiceClient, blobs: Blobs, table: Table
) -> None:
    """Half of the files are announced, and the sweep finds the other half: each ends as one entry of its very name."""
    container = await new_container(service)
    world = world_over(blobs, table, container)
    await world.reconciler.run()
    for number, name in enumerate(SAME):
        uploaded = await service.get_blob_client(container, name.text).upload_blob(b"1,2,3")
        if number % 2 and name.event == "verbatim":
            await world.intake.receive(event_body(_announced(container, name, uploaded)), world.deadline())
    announced = len(await world.all_entries())
    world.clock.advance(60)

    done = await world.reconciler.run()

    entries = {entry.arrival.path: entry for entry in await world.all_entries()}
    assert done.failures == []
    assert await listed(blobs, container) == sorted(entries, key=lambda name: name.encode("utf-16-be"))
    assert set(entries) == {name.text for name in SAME}
    assert done.summary()["sweeps"]["r0"]["missed"] == len(SAME) - announced
    for name in SAME:
        is_running = entries[name.text].state is State.SUBMITTED
        assert is_running if name.verbatim == "runs" else name.verbatim in entries[name.text].reason, name
        tally.count("corpus")
    assert len(world.databricks.runs) == sum(name.verbatim == "runs" for name in SAME)


def _announced(container: str, name: Name, uploaded: dict[str, Any]) -> Arrival:
    changes: dict[str, Any] = {"container": container, "committed_at": datetime.now(UTC), "event_id": name.title}
    return replace(arrival(name.text, uploaded["etag"].strip('"'), size=5), **changes)


@pytest.mark.parametrize("name", BREAKING, ids=label)
async def test_listing_that_fails_is_survived_and_said(
    name: Name, service: BlobServiceClient, impatient: Blobs, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    """One such name makes Azurite refuse to list its container: the pass says which, and looks at the others.

    The event of such a file starts its job all the same.
    """
    caplog.set_level(logging.INFO, "landfall")
    container, other = await new_container(service), await new_container(service)
    world = world_over(impatient, table, container, other)
    await world.reconciler.run()
    uploaded = await service.get_blob_client(container, name.text).upload_blob(b"1,2,3")
    await service.get_blob_client(other, "missed.csv").upload_blob(b"1,2,3")
    world.clock.advance(60)

    done = await world.reconciler.run()
    await world.intake.receive(event_body(_announced(container, name, uploaded)), world.deadline())

    with pytest.raises(BlobsUnavailable):
        await listed(impatient, container)
    assert any(container in failure and "500" in failure for failure in done.failures)
    assert any("sweep.listing_failed" in record.getMessage() for record in caplog.records)
    assert {entry.arrival.path for entry in await world.all_entries()} == {name.text, "missed.csv"}
    tally.count("corpus")


@pytest.mark.parametrize("name", REFUSED, ids=label)
async def test_folded_name_is_never_taken_for_another(name: Name, service: BlobServiceClient, blobs: Blobs) -> None:
    """A request for such a name would be one for another blob: it is looked up in a listing, and is not there."""
    container = await new_container(service)
    for other in ("up.csv", "b.csv", "a/b.csv"):
        await service.get_blob_client(container, other).upload_blob(b"1,2,3")
    with pytest.raises(HttpResponseError):
        await service.get_blob_client(container, name.text).upload_blob(b"1,2,3")

    found = await blobs.identify(replace(arrival(name.text), container=container))

    assert found is None
    tally.count("corpus")


@pytest.mark.parametrize("name", SHOWN, ids=label)
async def test_name_that_the_emulator_changes_is_listed_so(
    name: Name, service: BlobServiceClient, blobs: Blobs
) -> None:
    """Azurite takes a backslash for a slash; what is known of it is written down here, for Azure keeps the name."""
    container = await new_container(service)

    await service.get_blob_client(container, name.text).upload_blob(b"1,2,3")

    assert await listed(blobs, container) == [name.azurite.removeprefix("shown: ")]
    tally.count("corpus")


@pytest.mark.parametrize("container", ["UPPER", "a b", "x", "a" * 64, "..", "no-such-container", "a--b"])
async def test_container_that_cannot_be_holds_nothing(container: str, blobs: Blobs) -> None:
    """A forged event is looked up without an error, for an error would bring it again for a day."""
    found = await blobs.identify(replace(arrival("a.csv"), container=container))

    assert found is None


async def test_event_of_a_blob_that_cannot_be_is_done_with(blobs: Blobs, table: Table) -> None:
    """An event without an ETag whose container is not there starts nothing, and is not delivered again."""
    world = world_over(blobs, table, "no-such-container")
    forged = arrival("../x.csv", event_id="forged", container="no-such-container", committed_at=world.clock.now())

    await world.intake.receive(event_body(replace(forged, version=None)), world.deadline())

    assert await world.all_entries() == []


async def test_names_come_back_from_a_real_table(blobs: Blobs, table: Table) -> None:
    """Keys are digests and values are text: a real table gives back every name, byte for byte."""
    world = world_over(blobs, table, "landing-nowhere")
    announced = [name for name in ALL if name.event == "verbatim"]
    for name in announced:
        of = arrival(name.text, container="landing-nowhere", committed_at=world.clock.now(), event_id="e")
        await world.intake.receive(event_body(of), world.deadline())

    found = await world.all_entries()

    assert {entry.arrival.path for entry in found} == {name.text for name in announced}
    assert all(entry.arrival.source is Source.EVENT for entry in found)
    tally.count("corpus", len(announced))
