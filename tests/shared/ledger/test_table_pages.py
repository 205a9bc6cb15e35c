"""Our own decoder of Table Storage's pages: it says what the SDK says, and survives what the service may answer."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import unquote

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localdev.azurite import Azurite
from shared.errors import LedgerUnavailable
from shared.ledger.azure_table import AzureTable, open_table
from shared.ledger.table import Create, Row
from shared.secret import Secret
from shared.storage_connection import EMULATOR_KEY, StorageConnection

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
# What Table Storage takes in a key: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
KEY = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="/\\#?"), min_size=1, max_size=30
)
NAMES = st.sampled_from(["name", "odata", "Etag", "_x", "x_type"])
ROWS = st.dictionaries(KEY, st.dictionaries(NAMES, TEXT, max_size=4), min_size=1, max_size=8)


def answer(*rows: Mapping[str, object] | str, then: str = "", status: str = "200 OK") -> bytes:
    """Return a page of Table Storage that is continued at a key, as it stands on the wire."""
    body = rows[0] if rows and isinstance(rows[0], str) else json.dumps({"value": rows})
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    if then:
        head += ["x-ms-continuation-NextPartitionKey: 1!4!cA--", f"x-ms-continuation-NextRowKey: {then}"]
    return "\r\n".join([*head, "", body]).encode()


@asynccontextmanager
async def storage(*answers: bytes) -> AsyncIterator[tuple[AzureTable, list[str]]]:
    """Yield a table on a loopback server that gives these answers in turn, and the requests it has had."""
    asked: list[str] = []
    left: Iterator[bytes] = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readuntil(b"\r\n\r\n"):
            asked.append(request.decode().partition("\r\n")[0])
            body = next(left)
            writer.write(body)
            await writer.drain()
            if not body.endswith((b"}", b">")):  # a body that breaks off
                break
        writer.close()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()  # the client is gone

    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    place = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/devstoreaccount1"
    connection = StorageConnection(
        account="devstoreaccount1",
        blob_endpoint=place,
        queue_endpoint=place,
        table_endpoint=place,
        key=Secret(EMULATOR_KEY),
    )
    table = open_table(connection, "ledger", None)
    try:
        yield table, asked
    finally:
        await table.close()
        server.close()


async def read(table: AzureTable) -> list[Row]:
    """Return the rows of the partition p."""
    return [row async for row in table.range("p", "", "~")]


@pytest.mark.azurite
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=ROWS)
def test_rows_are_what_the_sdk_reads(azurite: Azurite, rows: dict[str, dict[str, str]]) -> None:
    """Keys, values and ETags are the SDK's own, whatever characters they hold, one by one and as a range."""
    name = f"pages{uuid.uuid4().hex}"

    async def ours() -> tuple[list[Row], list[Row | None]]:
        table = open_table(azurite.connection, name, None)
        await table.transact("p'|1", [Create(key, values) for key, values in rows.items()])
        found = [row async for row in table.range("p'|1", "", "\x7f")]
        single = [await table.read("p'|1", row.key) for row in found]
        await table.close()
        return found, single

    found, single = asyncio.run(ours())

    assert found == _read_by_the_sdk(azurite, name)
    assert single == found
    assert {row.key: dict(row.values) for row in found} == rows


def _read_by_the_sdk(azurite: Azurite, name: str) -> list[Row]:
    connection = azurite.connection
    assert connection.key
    key = AzureNamedKeyCredential(connection.account, connection.key.reveal())
    with TableClient(connection.table_endpoint, name, credential=key) as client:
        entities = list(client.query_entities("PartitionKey eq 'p''|1'"))
    return [
        Row(
            entity.pop("PartitionKey"),
            entity.pop("RowKey"),
            dict(entity),
            str(entity.metadata["etag"]),
        )
        for entity in entities
    ]


async def test_empty_page_may_be_followed_by_another() -> None:
    """Table Storage may answer no row and where to go on, when it has looked long enough."""
    pages = (answer(then="1!4!YQ--"), answer({"RowKey": "a"}, then="1!4!Yg--"), answer(then="x"), answer())

    async with storage(*pages) as (table, asked):
        rows = await read(table)

    assert [row.key for row in rows] == ["a"]
    assert len(asked) == 4
    assert "NextPartitionKey=1!4!cA--&NextRowKey=1!4!YQ--" in unquote(asked[1])


async def test_null_is_no_value() -> None:
    """A column that was asked for and that a row lacks comes as null."""
    async with storage(answer({"RowKey": "a", "v": None, "w": "1"}), answer({"RowKey": "a", "v": None})) as (table, _):
        rows = [row async for row in table.range("p", "", "~", columns=["v", "w"])]
        column = [page async for page in table.column("p", "", "~", "v")]

    assert [dict(row.values) for row in rows] == [{"w": "1"}]
    assert column == [[("a", "")]]


async def test_etag_is_made_of_the_timestamp_where_it_is_not_sent() -> None:
    """The ETag of a row is its time, so that a service that sends only that is enough."""
    row = {"RowKey": "a", "Timestamp": "2026-11-22T12:00:00.1234567Z"}

    async with storage(answer(row)) as (table, _):
        (read_back,) = await read(table)

    assert read_back.etag == "W/\"datetime'2026-11-22T12%3A00%3A00.1234567Z'\""
    assert read_back.values == {}


async def test_page_that_breaks_off_is_asked_for_again() -> None:
    """A connection that breaks within a page costs another request, and no row is read twice."""
    async with storage(answer({"RowKey": "a"})[:-5], answer({"RowKey": "a"})) as (table, asked):
        rows = await read(table)

    assert [row.key for row in rows] == ["a"]
    assert len(asked) == 2


@pytest.mark.parametrize("body", ["<html>a proxy's page</html>", "[{}]", '{"value": {}}'])
async def test_what_is_no_page_is_no_empty_ledger(body: str) -> None:
    """An answer that is not Table Storage's never looks like a ledger without entries."""
    async with storage(answer(body) if body.endswith(("}", ">")) else answer(body) + b"\r\n}") as (table, _):
        with pytest.raises(LedgerUnavailable):
            await read(table)


async def test_refusal_is_unavailable_with_its_status() -> None:
    """Who may not read the ledger learns so, and where to look."""
    refusal = '{"odata.error": {"code": "AuthorizationFailure", "message": {"value": "no"}}}'

    async with storage(answer(refusal, status="403 Forbidden")) as (table, _):
        with pytest.raises(LedgerUnavailable, match="HTTP 403") as caught:
            await read(table)

    assert "role" in caught.value.hint
