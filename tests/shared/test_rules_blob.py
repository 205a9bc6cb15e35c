"""Rules in a blob, against Azurite: what RULES_URL names is read, and read again when its ETag changes."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import BlobSasPermissions, generate_blob_sas
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from localdev.azurite import Azurite
from shared import wiring
from shared.blobs import RulesBlob, open_rules_blob
from shared.errors import BlobsUnavailable
from shared.storage_connection import EMULATOR_KEY
from tests.fakes.manual_clock import ManualClock
from tests.fakes.world import ENVIRONMENT

pytestmark = pytest.mark.azurite
RULES = 'version: 1\nrules:\n  - {name: crm, path: "landing/crm/*.csv", job: {id: 7}}\n'


@pytest.fixture
async def blob(azurite: Azurite) -> AsyncIterator[BlobClient]:
    """Yield a blob that holds good rules, in a folder of a container of its own."""
    async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container = await service.create_container(f"settings-{uuid.uuid4().hex}")
        yield await container.upload_blob("landfall/rules.yaml", RULES.encode())


@pytest.fixture
async def rules_blob(azurite: Azurite, blob: BlobClient) -> AsyncIterator[RulesBlob]:
    """Yield the blob as the service reads it."""
    opened = open_rules_blob(blob.url, azurite.connection, None)
    yield opened
    await opened.close()


async def test_text_comes_with_its_version(rules_blob: RulesBlob, blob: BlobClient) -> None:
    """The first read gives the text and the ETag that stands for it."""
    found = await rules_blob.read("")

    assert found is not None
    assert found.text == RULES
    assert found.version == (await blob.get_blob_properties()).etag.strip('"')


async def test_more_than_a_rules_file_is_refused(rules_blob: RulesBlob, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write the blob may write five terabytes into it: no instance is to run out of memory by reading."""
    monkeypatch.setattr("shared.blobs.rules_blob.LONGEST_RULES", 10)

    with pytest.raises(BlobsUnavailable, match="no rules file has"):
        await rules_blob.read("")


async def test_same_version_is_not_read_again(rules_blob: RulesBlob, blob: BlobClient) -> None:
    """An unchanged ETag costs one small request; a changed one brings the new text."""
    first = await rules_blob.read("")
    assert first is not None
    unchanged = await rules_blob.read(first.version)
    await blob.upload_blob(b"version: 2\n", overwrite=True)
    changed = await rules_blob.read(first.version)

    assert unchanged is None
    assert changed is not None
    assert changed.text == "version: 2\n"


async def test_signature_opens_the_blob_and_is_never_told(azurite: Azurite, blob: BlobClient) -> None:
    """A shared access signature is enough, and neither the name nor an error shows it."""
    signature = generate_blob_sas(
        account_name="devstoreaccount1",
        container_name=blob.container_name,
        blob_name=blob.blob_name,
        account_key=EMULATOR_KEY,
        permission=BlobSasPermissions(read=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    opened = open_rules_blob(f"{blob.url}?{signature}", azurite.connection, None)
    found = await opened.read("")
    await blob.delete_blob()

    with pytest.raises(BlobsUnavailable) as raised:
        await opened.read("")
    await opened.close()

    assert found is not None
    assert opened.name == f"{blob.container_name}/landfall/rules.yaml"
    assert "404" in str(raised.value)
    assert "sig=" not in str(raised.value)


async def test_text_that_is_not_utf8_is_refused(rules_blob: RulesBlob, blob: BlobClient) -> None:
    """A file saved in another encoding is told as such."""
    await blob.upload_blob("version: 1 # é".encode("latin-1"), overwrite=True)

    with pytest.raises(BlobsUnavailable, match="not UTF-8"):
        await rules_blob.read("")


async def test_service_follows_its_rules(azurite: Azurite, blob: BlobClient) -> None:
    """A whole service takes a good new version, refuses a bad one, and says so in its status."""
    clock = ManualClock()
    table = f"rules{uuid.uuid4().hex}"
    environment = {
        **ENVIRONMENT,
        "AzureWebJobsStorage": azurite.connection_string,
        "RULES_URL": blob.url,
        "LEDGER_TABLE": table,
    }
    service = wiring.build(environment, clock=clock)
    names = [[rule.name for rule in await service.rule_book.current()]]
    for text in (RULES.replace("crm,", "renamed,"), "rules: ["):
        await blob.upload_blob(text.encode(), overwrite=True)
        clock.advance(31)
        names.append([rule.name for rule in await service.rule_book.current()])
    status = (await service.status.read()).as_json()["rules_source"]
    await service.close()

    late = wiring.build(environment, clock=clock)
    kept = [rule.name for rule in await late.rule_book.current()]
    await late.close()

    assert names == [["crm"], ["renamed"], ["renamed"]]
    assert kept == ["renamed"]
    assert status["source"] == f"{blob.container_name}/landfall/rules.yaml"
    assert "rules.yaml:1:" in status["problem"]
