"""Rows as Table Storage sends them: fetched through the SDK's own pipeline, and decoded by us.

The SDK turns each row into an object of its own and looks at the type of each value, which takes most of the time of a
range; our values are all text. No public method gives the bytes, so the request goes through the client's pipeline:
its authentication, retries, time-outs, redirects and API version are all in force.

Requests and answers: https://learn.microsoft.com/rest/api/storageservices/query-entities
Pages that end early, also with no row at all: https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from azure.core.rest import HttpRequest

from shared.errors import LedgerUnavailable
from shared.ledger.table import Row
from shared.storage_answers import refusal, whole_answer

_CONTINUATIONS = ("NextPartitionKey", "NextRowKey")
_SYSTEM = frozenset({"PartitionKey", "RowKey", "Timestamp"})
_WHOLE, _VALUES_ONLY = "minimalmetadata", "nometadata"  # without metadata there is no ETag, and less to decode


class Send(Protocol):
    """How a request goes through a client's pipeline: `send_request` of the SDK's clients."""

    async def __call__(self, request: HttpRequest, *, stream: bool) -> Any:
        """Return the answer, whatever its status; its body is not read yet."""


class TablePages:
    """Reads the rows of one table. Raises what the SDK raises, and LedgerUnavailable for what is no answer."""

    def __init__(self, send: Send, table: str, api_version: str) -> None:
        self._send = send
        self._table = table
        self._api_version = api_version

    async def entity(self, partition: str, key: str) -> Mapping[str, Any]:
        """Return one row as JSON has it."""
        partition, key = quote(_doubled(partition), safe=""), quote(_doubled(key), safe="")
        entity, _ = await self._get(f"/{self._table}(PartitionKey='{partition}',RowKey='{key}')", {}, _WHOLE)
        checked: Mapping[str, Any] = _checked(entity, dict)
        return checked

    async def entities(
        self, partition: str, start: str, stop: str, columns: Sequence[str] | None = None
    ) -> AsyncIterator[Sequence[dict[str, Any]]]:
        """Yield the rows with `start <= key < stop` page by page, as JSON has them; `columns` are all of it if given.

        A column that a row lacks may be null.
        """
        wanted = f"PartitionKey eq {_literal(partition)} and RowKey ge {_literal(start)} and RowKey lt {_literal(stop)}"
        query = {"$filter": wanted}
        if columns is not None:
            query["$select"] = ",".join(columns)
        metadata = _WHOLE if columns is None else _VALUES_ONLY
        more: Mapping[str, str] | None = {}
        while more is not None:
            page, more = await self._get(f"/{self._table}()", {**query, **more}, metadata)
            yield _checked(_checked(page, dict).get("value"), list)

    async def _get(self, path: str, query: Mapping[str, str], metadata: str) -> tuple[Any, Mapping[str, str] | None]:
        """Return the JSON of an answer, and the query of the page that follows it, None when there is none."""
        headers = {
            "x-ms-version": self._api_version,
            "DataServiceVersion": "3.0",
            "Accept": f"application/json;odata={metadata}",
        }
        # HttpRequest joins parameters as they are.
        quoted = {name: quote(value, safe="") for name, value in query.items()}
        request = HttpRequest("GET", path, params=quoted, headers=headers)
        response = await whole_answer(lambda: self._send(request, stream=True))
        try:
            answer = json.loads(response.content)
        except ValueError:
            answer = None
        if response.status_code != 200:
            raise refusal(response, _code_in(answer))
        found = {name: response.headers.get(f"x-ms-continuation-{name}") for name in _CONTINUATIONS}
        more = {name: value for name, value in found.items() if value}
        return answer, more or None


def row_from(entity: Mapping[str, Any], partition: str) -> Row:
    """Return an entity as a row."""
    values = {
        name: value if type(value) is str else str(value)
        for name, value in entity.items()
        if name not in _SYSTEM and "odata." not in name and value is not None
    }
    return Row(partition, entity["RowKey"], values, _etag_of(entity))


def _etag_of(entity: Mapping[str, Any]) -> str:
    etag: str = entity.get("odata.etag", "")
    if not etag and (timestamp := entity.get("Timestamp")):  # which it is made of, where it is not sent
        etag = f"W/\"datetime'{quote(timestamp)}'\""
    return etag


def _literal(text: str) -> str:
    return f"'{_doubled(text)}'"


def _doubled(text: str) -> str:
    return text.replace("'", "''")


def _checked(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise LedgerUnavailable(
            "Could not read the ledger: Table Storage answered what is no page of rows.",
            hint="If a proxy stands between us and the storage account, look at what it does to answers.",
        )
    return value


def _code_in(answer: Any) -> str | None:
    said = answer.get("odata.error") if isinstance(answer, dict) else None
    return (said or {}).get("code")
