"""`landfall rules diff` and `landfall explain --ledger` over real storage: what was dropped, not what is told."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path

import pytest
import typer
from azure.storage.blob import BlobServiceClient
from typer.testing import CliRunner

from cli.explain.command import explain
from cli.rules.diff.command import diff
from localdev.azurite import Azurite
from shared import wiring
from tests.fakes.arrivals import arrival
from tests.fakes.world import event_body

pytestmark = pytest.mark.azurite

app = typer.Typer()
app.command()(diff)
app.command()(explain)


@pytest.fixture
def container(azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a container with two blobs, the first of which has an entry in the ledger that settings name."""
    name = f"diff-{uuid.uuid4().hex[:12]}"
    (tmp_path / "old.yaml").write_text(_rules(name, job=1), encoding="utf-8")
    (tmp_path / "new.yaml").write_text(_rules(name, job=2), encoding="utf-8")
    environment = {
        "AzureWebJobsStorage": azurite.connection_string,
        "DATABRICKS_HOST": "http://127.0.0.1:9",
        "DATABRICKS_TOKEN": "token",
        "LEDGER_TABLE": f"diff{uuid.uuid4().hex[:12]}",
        "RULES_FILE": str(tmp_path / "old.yaml"),
        "DISPATCH_BUDGET": "1s",
        "LANDFALL_STATE": str(tmp_path / "state"),
    }
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        service.create_container(name)
        uploaded = [service.get_blob_client(name, path).upload_blob(b"1") for path in ("crm/a.csv", "crm/b.csv")]
    asyncio.run(_claim(environment, name, str(uploaded[0]["etag"])))
    return name


async def _claim(environment: dict[str, str], container: str, etag: str) -> None:
    service = wiring.build(environment)
    try:
        body = event_body(arrival("crm/a.csv", etag, container=container, committed_at=service.clock.now()))
        (claim,) = await service.intake.receive(body, service.dispatch_deadline())
        assert claim.entry.is_open
    finally:
        await service.close()


def _rules(container: str, job: int) -> str:
    return f'version: 1\nrules:\n  - {{name: crm, path: "{container}/crm/*.csv", job: {{id: {job}}}}}\n'


@pytest.mark.parametrize(("options", "files"), [((), 1), (("--from-ledger", "1h"), 1), (("--from-listing",), 2)])
def test_real_arrivals_are_compared(container: str, tmp_path: Path, options: tuple[str, ...], files: int) -> None:
    """The ledger knows the arrival that an event announced, and a listing shows both blobs."""
    assert container
    rules = [str(tmp_path / name) for name in ("old.yaml", "new.yaml")]

    result = CliRunner().invoke(app, ["diff", *rules, *options])

    assert result.exit_code == 1, result.output
    assert f"{files} arrival{'s' * (files > 1)}: 0 same" in result.output
    assert f"{files} other job" in result.output


def test_ledger_tells_what_became_of_a_file(container: str) -> None:
    """An entry is shown with its state; a file without one is told as such."""
    claimed = CliRunner().invoke(app, ["explain", f"{container}/crm/a.csv", "--ledger", "--json"])
    missed = CliRunner().invoke(app, ["explain", f"{container}/crm/b.csv", "--ledger"])

    (entry,) = json.loads(claimed.stdout)["ledger"]
    assert (entry["rule"], entry["found_by"], entry["run_id"]) == ("crm", "event", None)
    assert entry["state"] in {"pending", "dispatching"}
    assert missed.exit_code == 0
    assert "The ledger holds nothing of it." in missed.output
