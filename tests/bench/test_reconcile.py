"""The benchmark of passes: its ledger and its table service are what they stand for, its figures are honest."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bench.landed import DAYS, LAST_DAY, NOW, SINCE, Landed
from bench.ledger_of_landed import fill, is_planted, planted
from bench.table_server import TableServer
from shared.errors import LedgerConflict
from shared.ledger import Entries, partitions_of
from shared.ledger.azure_table import open_table
from shared.ledger.table import Create, Delete, Operation, Put, Replace
from shared.model import entry_key
from shared.secret import Secret
from shared.storage_connection import EMULATOR_ACCOUNT, EMULATOR_KEY, StorageConnection

ROOT = Path(__file__).parent.parent.parent
BLOBS, RULE = 6_000, "bench"


def table_at(endpoint: str) -> StorageConnection:
    """Return how to reach a table server."""
    return StorageConnection(
        account=EMULATOR_ACCOUNT, blob_endpoint="", queue_endpoint="", table_endpoint=endpoint, key=Secret(EMULATOR_KEY)
    )


@pytest.mark.parametrize("count", [30, 1_000, 6_000])
def test_names_sort_as_numbers_do(count: int) -> None:
    """Numbers, names and times go the same way, a thirtieth lands on each day, and on the day that its name says."""
    landed = Landed(count)
    names = [landed.name(number) for number in range(count)]

    assert names == sorted(names)
    assert len(landed.numbers(LAST_DAY)) == pytest.approx(count / DAYS, abs=1)
    for number in range(count):
        assert landed.name(number).split("/")[1] == f"{landed.committed_at(number):%Y-%m-%d}"
        assert SINCE <= landed.committed_at(number) < NOW - timedelta(minutes=30)


async def test_ledger_knows_all_but_the_planted_ones() -> None:
    """What the service reads of the filled ledger is every blob that is not planted, over several pages."""
    landed = Landed(BLOBS)
    with TableServer(partial(fill, BLOBS, RULE, "everything", ())) as endpoint:
        table = open_table(table_at(endpoint), "everything", None)
        entries = Entries(table, lambda: "nonce")
        known = {row.key for partition in partitions_of(RULE) async for row in entries.between(partition, SINCE)}
        await table.close()

    assert known == {entry_key(RULE, landed.arrival(number)) for number in range(BLOBS) if not is_planted(number)}
    assert planted(BLOBS) == BLOBS // 100


async def test_table_keeps_the_ledgers_contract() -> None:
    """Transactions apply as a whole or not at all, and only under their conditions."""
    with TableServer(partial(fill, 100, RULE, "everything", ())) as endpoint:
        table = open_table(table_at(endpoint), "everything", None)
        etags = await table.transact("p", [Create("a'1", {"text": "it's"}), Create("b", {})])
        transactions: list[list[Operation]] = [
            [Create("c", {}), Create("b", {})],
            [Create("c", {}), Replace("b", {}, 'W/"999"')],
            [Create("c", {}), Delete("d")],
        ]
        for refused in transactions:
            with pytest.raises(LedgerConflict):
                await table.transact("p", refused)
        await table.transact("p", [Replace("b", {"text": "new"}, etags["b"]), Put("e", {}), Delete("a'1")])
        rows = [(row.key, dict(row.values)) async for row in table.range("p", "", "~")]
        await table.close()

    assert rows == [("b", {"text": "new"}), ("e", {})]


def test_benchmark_prints_its_figures() -> None:
    """Everything runs over a small container, and the result is one JSON object with the promised keys."""
    command = [sys.executable, "bench/reconcile.py", "--blobs", str(BLOBS), "--rounds", "1", "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert ran.stderr == ""
    figures = json.loads(ran.stdout)
    assert figures["missed_found"] == figures["missed_planted"] == BLOBS // 100
    assert figures["list_requests"] <= figures["most_list_requests"]
    assert figures["ledger_reads"] > BLOBS / 1_000
    assert {
        "sweep_over_list_wall",
        "sweep_over_list_cpu",
        "sweep_over_download_wall",
        "memory_growth_mb",
        "pruned_over_direct",
    } < figures.keys()
    assert ran.returncode == (not figures["goals_met"])
