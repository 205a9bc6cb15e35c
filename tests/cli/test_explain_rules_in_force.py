"""`landfall explain` where the rules live in a blob: it asks the version that decides, against Azurite."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from azure.storage.blob import BlobClient, BlobServiceClient
from typer.testing import CliRunner, Result

from cli.explain.command import explain
from localdev.azurite import Azurite
from tests.fakes.world import ENVIRONMENT

pytestmark = pytest.mark.azurite
RULES = 'version: 1\nrules:\n  - {name: from-the-blob, path: "landing/crm/*.csv", job: {id: 7}}\n'

app = typer.Typer()
app.command()(explain)


@pytest.fixture
def blob(azurite: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[BlobClient]:
    """Yield the blob that RULES_URL names, with good rules in it."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        uploaded = service.create_container(f"settings-{uuid.uuid4().hex}").upload_blob("rules.yaml", RULES)
        environment = {
            **ENVIRONMENT,
            "LANDFALL_STATE": str(tmp_path / "state"),
            "AzureWebJobsStorage": azurite.connection_string,
            "LEDGER_TABLE": f"rules{uuid.uuid4().hex}",
            "RULES_URL": uploaded.url,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield uploaded


def explained() -> Result:
    """Explain a path without naming a rules file."""
    return CliRunner().invoke(app, ["landing/crm/orders.csv"])


def test_rules_of_the_blob_are_asked(blob: BlobClient) -> None:
    """What is in force decides, and not the file that the app was shipped with."""
    del blob
    done = explained()

    assert done.exit_code == 0, done.output
    assert "from-the-blob starts the job id:7." in done.output


def test_refused_version_leaves_the_last_good_one(blob: BlobClient) -> None:
    """The last good rules answer, as in production, and the faults of the newest are told."""
    explained()
    blob.upload_blob("version: 1\nrules: [", overwrite=True)

    done = explained()

    assert done.exit_code == 0, done.output
    assert "These are the last good rules; the newest are refused." in done.output
    assert "This `[` is never closed." in done.output
    assert "from-the-blob starts the job id:7." in done.output


def test_rules_that_cannot_be_read_are_told(blob: BlobClient) -> None:
    """Without any good version there is nothing to answer by."""
    blob.delete_blob()

    done = explained()

    assert done.exit_code == 2
    assert "404" in done.output
