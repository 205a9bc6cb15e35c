"""A set of files lands, and one job reads them all by their manifest: real processes, events, blobs and a notebook."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from localdev.stack import Stack, StackOptions
from shared import wiring
from shared.status import Status
from tests.fakes.waiting import block_until

pytestmark = pytest.mark.acceptance
RULES = """
version: 1
rules:
  - name: nightly
    path: "landing/{night:%Y%m%d}/*.csv"
    gather: {by: "{night}", expect: [orders.csv, customers.csv], wait: 1h}
    job: {name: "Nightly"}
    notebook_params: {manifest: "{gather.manifest}", night: "{night}"}
"""
JOB = {
    "name": "Nightly",
    "tasks": [{"task_key": "nightly", "notebook_task": {"notebook_path": "/Workspace/nightly"}}],
}
NOTEBOOK = """# Databricks notebook source
import json

from landing_files import read_rows, read_text, write_result

dbutils.widgets.text("manifest", "")
manifest = json.loads(read_text(dbutils.widgets.get("manifest")))
assert (manifest["format"], manifest["schema"]) == ("landfall-manifest", 1)
rows = {file["path"]: len(read_rows(file["uri"])) for file in manifest["files"]}
write_result(manifest["files"][0]["uri"].rsplit("/", 1)[0] + "/all", "nightly", rows)
"""
FILES = {"20260228/orders.csv": b"id\n1\n2\n", "20260228/customers.csv": b"id\n7\n"}
RESULT = "nightly/landing/20260228/all.json"
SECONDS = 90.0


@pytest.fixture
def stack(stack_options: StackOptions, tmp_path: Path) -> Iterator[Stack]:
    """Yield running processes with one job that reads a manifest."""
    jobs, notebooks = tmp_path / "jobs", tmp_path / "notebooks"
    jobs.mkdir()
    notebooks.mkdir()
    (jobs / "nightly.json").write_text(json.dumps(JOB), encoding="utf-8")
    (notebooks / "nightly.py").write_text(NOTEBOOK, encoding="utf-8")
    helpers = stack_options.notebooks / "landing_files.py"
    (notebooks / helpers.name).write_text(helpers.read_text(encoding="utf-8"), encoding="utf-8")
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    with Stack(replace(stack_options, rules=rules, jobs=jobs, notebooks=notebooks, fault_plan={})) as running:
        yield running


def test_set_of_files_is_read_by_one_run(stack: Stack) -> None:
    """Two files land, each with its event; one run is told of both and reads them by their manifest."""
    with BlobServiceClient.from_connection_string(stack.environment["AzureWebJobsStorage"]) as storage:
        for path, content in FILES.items():
            storage.get_blob_client("landing", path).upload_blob(content)

        def result() -> dict[str, int] | None:
            try:
                said: dict[str, int] = json.loads(storage.get_blob_client("curated", RESULT).download_blob().readall())
            except ResourceNotFoundError:
                return None
            return said

        block_until(lambda: result() is not None, SECONDS)
        read = result()
    block_until(lambda: asyncio.run(status(stack)).totals.results["succeeded"] == 1, SECONDS)

    assert read == {"20260228/orders.csv": 2, "20260228/customers.csv": 1}
    assert asyncio.run(status(stack)).totals.results == {"gathered": 2, "succeeded": 1}


async def status(stack: Stack) -> Status:
    """Return what the ledger says."""
    service = wiring.build({**stack.environment})
    try:
        return await service.status.read()
    finally:
        await service.close()
