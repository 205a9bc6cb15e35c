"""What tests of gathering share: rules, worlds over one ledger, and what must be true of every history."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from shared.containers import MANIFESTS
from shared.errors import BlobsUnavailable, JobsUnknown, LedgerUnavailable
from shared.ledger import partitions_of
from shared.model import Entry, Result, State
from tests.fakes.disturbed import Disturbance
from tests.fakes.world import World

BATCHES = """
version: 1
rules:
  - name: crm
    path: "landing/{source}/{name}.csv"
    job: {id: 7}
    gather: {by: "{source}", quiet: 10m, wait: 1h, files: 4}
    notebook_params: {manifest: "{gather.manifest}", count: "{gather.count}", source: "{source}"}
"""
SETS = """
version: 1
rules:
  - name: crm
    path: "landing/{day}/{name}.csv"
    job: {id: 7}
    gather: {by: "{day}", expect: [orders.csv, customers.csv], wait: 1h}
    notebook_params: {manifest: "{gather.manifest}", day: "{day}"}
"""
QUIET, WAIT = 601.0, 3601.0


def instance(of: World, rules: str, disturbance: Disturbance | None = None) -> World:
    """Return another process over the same ledger, landing account, Databricks and clock."""
    world = World(rules)
    world.table, world.landing, world.databricks, world.clock = of.table, of.landing, of.databricks, of.clock
    if disturbance:
        world.table = disturbance.disturb(of.table, LedgerUnavailable)
        world.landing = disturbance.disturb(of.landing, BlobsUnavailable)
        world.databricks = disturbance.disturb(of.databricks, JobsUnknown)
    world.use_nonces_of(of)
    world.restart(rules)
    return world


def manifests(world: World) -> list[dict[str, Any]]:
    """Return the manifests of batches that have files."""
    said = [json.loads(content) for content in world.landing.manifests.values()]
    return [one for one in said if one["files"]]


def paths(manifest: dict[str, Any]) -> list[str]:
    """Return which files a manifest lists."""
    return [f"{file['container']}/{file['path']}" for file in manifest["files"]]


async def members(world: World) -> list[Entry]:
    """Return the entries of files."""
    return [entry for entry in await world.all_entries() if entry.arrival.container != MANIFESTS]


async def batches(world: World) -> list[Entry]:
    """Return the entries of batches."""
    return [entry for entry in await world.all_entries() if entry.arrival.container == MANIFESTS]


async def check(world: World) -> None:
    """Assert what is true of every history once everything has been looked after."""
    of_files, of_batches, sealed = await members(world), await batches(world), manifests(world)
    listed = Counter((file["entry"], file["generation"]) for one in sealed for file in one["files"])
    assert max(listed.values(), default=0) <= 1, "a member is in two manifests"
    for entry in of_files:
        assert not entry.is_open, f"{entry.arrival.full_path} waits for ever: {entry.reason}"
        was_listed = listed[entry.key, entry.generation] == 1
        assert was_listed == (entry.result is Result.GATHERED), f"{entry.arrival.full_path} is {entry.result}"
    assert sorted(entry.arrival.version or "" for entry in of_batches) == sorted(one["batch"] for one in sealed)
    sent = Counter(sent.token for sent in world.databricks.sent)
    assert len(world.databricks.runs) == len(sent) == sum(entry.generation for entry in of_batches)
    assert all(entry.state is State.SUBMITTED for entry in of_batches)
    await check_markers(world)


async def check_markers(world: World) -> None:
    """Assert that each open entry has one marker, and no other entry has any (invariant 3)."""
    entries = await world.all_entries()
    marked = [
        marker.key for name in ("crm",) for partition in partitions_of(name) async for marker in _open(world, partition)
    ]
    assert sorted(marked) == sorted(entry.key for entry in entries if entry.is_open)


def _open(world: World, partition: str) -> Any:
    return world.entries.open(partition)
