"""The verbs on rows: the same in memory and in Table Storage."""

from __future__ import annotations

import pytest

from localdev.memory_table import MemoryTable
from shared.errors import LedgerConflict, LedgerUnavailable
from shared.ledger import Table
from shared.ledger.azure_table import open_table
from shared.ledger.table import Create, Delete, Operation, Put, Replace
from shared.secret import Secret
from shared.storage_connection import EMULATOR_KEY, StorageConnection

HOSTILE = "../\x00\r\n\x1b[31m\u202e'\"\\#?%2F 💎 e\u0301 {{job.id}} " + "x" * 1000


async def keys(table: Table, start: str = "", stop: str = "~") -> list[str]:
    """Return the keys of a range of the partition p."""
    return [row.key async for row in table.range("p", start, stop)]


async def test_missing_table_reads_as_empty(table: Table) -> None:
    """Nobody has to create a table before the first write."""
    assert await table.read("p", "k") is None
    assert await keys(table) == []


async def test_row_round_trips(table: Table) -> None:
    """Any text comes back as it was, whatever characters a blob's name brings."""
    etags = await table.transact("p|1", [Create("k", {"name": HOSTILE, "empty": ""})])

    row = await table.read("p|1", "k")

    assert row is not None
    assert dict(row.values) == {"name": HOSTILE, "empty": ""}
    assert row.etag == etags["k"]


async def test_create_refuses_an_existing_row(table: Table) -> None:
    """The first writer wins, and the second is told."""
    await table.transact("p", [Create("k", {"v": "1"})])

    with pytest.raises(LedgerConflict):
        await table.transact("p", [Create("k", {"v": "2"})])

    row = await table.read("p", "k")
    assert row is not None
    assert row.values["v"] == "1"


async def test_failed_transaction_changes_nothing(table: Table) -> None:
    """All operations are applied or none, wherever the one that fails stands."""
    await table.transact("p", [Create("c", {})])

    with pytest.raises(LedgerConflict):
        await table.transact("p", [Create("a", {}), Put("b", {}), Create("c", {})])

    assert await keys(table) == ["c"]


async def test_replace_wants_the_etag_it_read(table: Table) -> None:
    """A row that somebody else has written since cannot be overwritten unawares."""
    first = await table.transact("p", [Create("k", {"v": "1"})])
    second = await table.transact("p", [Replace("k", {"w": "2"}, first["k"])])

    with pytest.raises(LedgerConflict):
        await table.transact("p", [Replace("k", {"v": "3"}, first["k"])])

    row = await table.read("p", "k")
    assert row is not None
    assert dict(row.values) == {"w": "2"}
    assert row.etag == second["k"]


async def test_replace_refuses_a_row_that_is_gone(table: Table) -> None:
    """A replacement never brings a deleted row back."""
    etags = await table.transact("p", [Create("k", {})])
    await table.transact("p", [Delete("k")])

    with pytest.raises(LedgerConflict):
        await table.transact("p", [Replace("k", {}, etags["k"])])


async def test_delete_wants_an_existing_row(table: Table) -> None:
    """Deleting what is not there is a conflict: a marker that should exist does not."""
    await table.transact("p", [Create("other", {})])

    with pytest.raises(LedgerConflict):
        await table.transact("p", [Delete("k")])


async def test_delete_may_want_the_etag_it_read(table: Table) -> None:
    """A row that somebody else has written since is not removed unawares, and nothing beside it is."""
    first = await table.transact("p", [Create("k", {"v": "1"}), Create("other", {})])
    second = await table.transact("p", [Replace("k", {"v": "2"}, first["k"])])

    with pytest.raises(LedgerConflict):
        await table.transact("p", [Delete("other"), Delete("k", first["k"])])

    assert await keys(table) == ["k", "other"]
    await table.transact("p", [Delete("other"), Delete("k", second["k"])])
    assert await keys(table) == []


async def test_range_may_ask_for_some_columns(table: Table) -> None:
    """Only the values asked for come back, a row that lacks them too, and there is no ETag."""
    await table.transact("p", [Create("a", {"v": HOSTILE, "w": "2"}), Create("b", {"w": "3"})])

    rows = [row async for row in table.range("p", "a", "c", columns=["v", "x"])]

    assert [(row.partition, row.key, dict(row.values), row.etag) for row in rows] == [
        ("p", "a", {"v": HOSTILE}, ""),
        ("p", "b", {}, ""),
    ]


async def test_column_has_keys_and_one_value(table: Table) -> None:
    """A column crosses pages in the order of keys; a row without the value has an empty one."""
    for hundred in range(11):
        operations = [Create(f"{hundred:02d}{unit:02d}", {"v": str(unit)} if unit else {}) for unit in range(100)]
        await table.transact("p", operations)

    pages = [page async for page in table.column("p", "0001", "1050", "v")]

    found = [pair for page in pages for pair in page]
    assert len(pages) > 1
    assert found == [(f"{number:04d}", str(number % 100 or "")) for number in range(1, 1050)]


async def test_column_of_a_missing_table_is_empty(table: Table) -> None:
    """Nobody has to create a table before the first write."""
    assert [pair async for page in table.column("p", "", "~", "v") for pair in page] == []


async def test_put_writes_whatever_is_there(table: Table) -> None:
    """A put replaces the whole row, and needs none."""
    await table.transact("p", [Put("k", {"v": "1"})])
    await table.transact("p", [Put("k", {"w": "2"})])

    row = await table.read("p", "k")

    assert row is not None
    assert dict(row.values) == {"w": "2"}


async def test_range_is_sorted_and_half_open(table: Table) -> None:
    """Start is in, stop is out, keys ascend, other partitions are elsewhere."""
    await table.transact("p", [Create(key, {}) for key in ("Q|3", "Q|1", "Q|2", "T|1")])
    await table.transact("other", [Create("Q|1", {})])

    assert await keys(table, "Q|1", "Q|3") == ["Q|1", "Q|2"]
    assert await keys(table, "Q|", "Q|~") == ["Q|1", "Q|2", "Q|3"]


async def test_range_crosses_pages(table: Table) -> None:
    """More rows than the service returns at once all come, in order."""
    for hundred in range(11):
        await table.transact("p", [Create(f"{hundred:02d}{unit:02d}", {}) for unit in range(100)])

    assert await keys(table) == [f"{number:04d}" for number in range(1100)]


async def test_memory_refuses_what_table_storage_would() -> None:
    """A transaction of 101 operations, of none, or twice on one row fails in memory too."""
    table = MemoryTable()

    refused: list[list[Operation]] = [[], [Put("k", {}), Delete("k")], [Put(f"{number}", {}) for number in range(101)]]
    for operations in refused:
        with pytest.raises(ValueError, match="a transaction takes 1 to 100"):
            await table.transact("p", operations)


async def test_dead_storage_is_unavailable_with_a_hint() -> None:
    """No answer is not a conflict: the caller cannot know what happened, and a person learns where to look."""
    nowhere = "http://127.0.0.1:9/devstoreaccount1"
    connection = StorageConnection(
        account="devstoreaccount1",
        blob_endpoint=nowhere,
        queue_endpoint=nowhere,
        table_endpoint=nowhere,
        key=Secret(EMULATOR_KEY),
    )
    table = open_table(connection, "ledger", None)

    with pytest.raises(LedgerUnavailable) as caught:
        await table.transact("p", [Put("k", {})])
    await table.close()

    assert "LEDGER_STORAGE" in caught.value.hint
    assert EMULATOR_KEY not in str(caught.value)
