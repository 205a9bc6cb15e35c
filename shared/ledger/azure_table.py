"""Rows in Azure Table Storage: the only home of azure.data.tables.

A change that an SDK retry repeats may answer 409 or 412 although its first copy was applied, and nobody but the
writer can tell (https://github.com/Azure/azure-storage-java/issues/35): the protocol above compares its nonce.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
)
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.errors import LedgerConflict, LedgerRefused, LedgerUnavailable
from shared.ledger.table import Create, Delete, Operation, Put, Replace, Row
from shared.ledger.table_pages import TablePages, row_from
from shared.storage_answers import UNREADABLE, UNREADABLE_HINT
from shared.storage_connection import StorageConnection

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

_NOT_FOUND = 404
_CONFLICTS = (_NOT_FOUND, 409, 412)
_REFUSALS = (400, 413)  # of what a row says, such as a property of more than 64 KiB
_HINT = "Check the storage account of LEDGER_STORAGE (or AzureWebJobsStorage) and our role on its tables."


class AzureTable:
    """One table of a storage account, created when it is first written to."""

    def __init__(self, client: TableClient) -> None:
        self._client = client
        send: Any = client._client.send_request  # noqa: SLF001 - no public method gives the bytes; see table_pages
        self._pages = TablePages(send, client.table_name, client.api_version)

    async def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        """Apply all operations or none; see Table."""
        batch = [_operation(partition, operation) for operation in operations]
        with _translated("write to"):
            try:
                answers = await self._client.submit_transaction(batch)
            except HttpResponseError as error:
                if not _is_missing_table(error):
                    raise
                await self._create()
                answers = await self._client.submit_transaction(batch)
            return {
                operation.key: str(answer["etag"])
                for operation, answer in zip(operations, answers, strict=True)
                if not isinstance(operation, Delete)
            }

    async def read(self, partition: str, key: str) -> Row | None:
        """Return one row, or None; see Table."""
        with _translated("read"):
            try:
                return row_from(await self._pages.entity(partition, key), partition)
            except HttpResponseError as error:
                if error.status_code == _NOT_FOUND:
                    return None
                raise

    async def range(
        self, partition: str, start: str, stop: str, *, columns: Sequence[str] | None = None
    ) -> AsyncIterator[Row]:
        """Yield the rows of a range of keys; see Table."""
        selected = None if columns is None else ["RowKey", *columns]
        async for page in self._range(partition, start, stop, selected):
            for entity in page:
                yield row_from(entity, partition)

    async def column(
        self, partition: str, start: str, stop: str, column: str
    ) -> AsyncIterator[Sequence[tuple[str, str]]]:
        """Yield a range page by page, each row as its key and one value; see Table."""
        async for page in self._range(partition, start, stop, ["RowKey", column]):
            yield [(entity["RowKey"], entity.get(column) or "") for entity in page]

    async def _range(
        self, partition: str, start: str, stop: str, selected: Sequence[str] | None
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        with _translated("read"):
            try:
                async for page in self._pages.entities(partition, start, stop, selected):
                    yield page
            except HttpResponseError as error:
                if not _is_missing_table(error):
                    raise

    async def close(self) -> None:
        """Close the connections. Safe to repeat."""
        await self._client.close()

    async def _create(self) -> None:
        try:
            await self._client.create_table()
        except ResourceExistsError:
            return  # another instance was faster


def open_table(connection: StorageConnection, table: str, credential: AsyncTokenCredential | None) -> AzureTable:
    """Return a table of an account; makes no request. `credential` serves where the connection has no key."""
    key = AzureNamedKeyCredential(connection.account, connection.key.reveal()) if connection.key else credential
    # The SDK retries by itself; all of it must fit into the 30 s that Event Grid waits.
    client = TableClient(
        connection.table_endpoint,
        table,
        credential=key,
        retry_total=2,
        retry_backoff_factor=0.2,
        connection_timeout=3,
        read_timeout=6,
        raw_response_hook=_without_retry_after,
        permit_redirects=False,  # the SDK would sign the request anew for wherever it is sent
    )
    return AzureTable(client)


def _without_retry_after(response: Any) -> None:
    """Let our own pauses count: the SDK sleeps as long as an answer says, be it years, and raises at what is no time.

    https://github.com/Azure/azure-sdk-for-python/blob/main/sdk/core/azure-core/azure/core/pipeline/policies/_retry_async.py
    """
    for name in ("Retry-After", "retry-after-ms", "x-ms-retry-after-ms"):
        response.http_response.headers.pop(name, None)


def _operation(partition: str, operation: Operation) -> tuple[Any, ...]:
    place = {"PartitionKey": partition, "RowKey": operation.key}
    match operation:
        case Create(values=values):
            return ("create", {**values, **place})
        case Put(values=values):
            return ("upsert", {**values, **place}, {"mode": UpdateMode.REPLACE})
        case Replace(values=values, etag=etag):
            condition = {"mode": UpdateMode.REPLACE, "etag": etag, "match_condition": MatchConditions.IfNotModified}
            return ("update", {**values, **place}, condition)
        case Delete(etag=etag):
            unchanged = {"etag": etag, "match_condition": MatchConditions.IfNotModified} if etag else {}
            return ("delete", place, unchanged)


def _is_missing_table(error: HttpResponseError) -> bool:
    return getattr(error, "error_code", None) == "TableNotFound"


@contextmanager
def _translated(action: str) -> Iterator[None]:
    try:
        yield
    except (ResourceExistsError, ResourceModifiedError) as error:
        raise LedgerConflict(f"The ledger's rows changed meanwhile: {error.message[:200]}") from error
    except HttpResponseError as error:
        if error.status_code in _CONFLICTS and not _is_missing_table(error):
            raise LedgerConflict(f"The ledger's rows changed meanwhile: {error.message[:200]}") from error
        if error.status_code in _REFUSALS:
            code = getattr(error, "error_code", None) or "no code"
            told = f"HTTP {error.status_code} {getattr(code, 'value', code)}"
            raise LedgerRefused(f"Could not {action} the ledger: {told}.") from error
        raise LedgerUnavailable(f"Could not {action} the ledger: HTTP {error.status_code}.", hint=_HINT) from error
    except (AzureError, OSError) as error:  # a time-out is an OSError
        raise LedgerUnavailable(f"Could not {action} the ledger: {type(error).__name__}.", hint=_HINT) from error
    except UNREADABLE as error:
        message = f"Could not {action} the ledger: the answer cannot be read ({type(error).__name__})."
        raise LedgerUnavailable(message, hint=UNREADABLE_HINT) from error
