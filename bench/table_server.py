"""A table service on loopback, for benchmarks: as much of Table Storage as a ledger asks for, fast.

Azurite reads a table of many rows slowly; here a range costs the server next to nothing, since each row is encoded
once. Requests and answers: https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api

`GET /calls` answers how many rows were read one by one and how many pages of rows since the last time, and
`GET /restore` takes back all that was written since they were filled, or since `GET /begin`.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from bench.jobs_server import Responder, response, serve
from bench.row_store import Conflict, RowStore
from bench.table_requests import Asked, Place, changes_in, filter_in, place_in
from shared.storage_connection import EMULATOR_ACCOUNT

PAGE_SIZE = 1_000  # https://learn.microsoft.com/rest/api/storageservices/query-timeout-and-pagination
_JSON = b"Content-Type: application/json;odata=minimalmetadata"
Tables = Mapping[str, RowStore]


class TableServer:
    """A server in a process of its own; a context manager that gives its address, a table endpoint.

    `fill` makes its tables in that process, before it answers; it must be importable, a partial of it will do.
    """

    def __init__(self, fill: Callable[[], Tables]) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        start = multiprocessing.get_context("spawn").Process
        self._process = start(target=_serve, args=[fill, theirs], daemon=True)

    def __enter__(self) -> str:
        """Start it and return its address once the tables are filled."""
        self._process.start()
        return f"http://127.0.0.1:{self._ours.recv()}/{EMULATOR_ACCOUNT}"

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _serve(fill: Callable[[], Tables], port: Connection) -> None:
    tables = fill()
    for store in tables.values():
        store.begin()
    serve(partial(_Rows, tables, {"rows": 0, "pages": 0}), port)


class _Rows(Responder):
    def __init__(self, tables: Tables, calls: dict[str, int]) -> None:
        super().__init__()
        self._tables = tables
        self._calls = calls

    def respond(self, head: bytes, body: bytes) -> bytes:
        method, target = head.decode("ascii").split(" ", 2)[:2]
        url = urlsplit(target)
        if url.path == "/calls":
            return self._told()
        if url.path in {"/begin", "/restore"}:
            for store in self._tables.values():
                store.begin() if url.path == "/begin" else store.restore()
            return response(b"204 No Content", b"")
        name = unquote(url.path).removeprefix(f"/{EMULATOR_ACCOUNT}/")
        if name == "$batch":
            return self._batch(body)
        if method != "GET":
            return response(b"501 Not Implemented", b"")
        place = place_in(name)
        return self._row(place) if place else self._page(name.partition("(")[0], parse_qs(url.query))

    def _told(self) -> bytes:
        told = json.dumps(self._calls)
        self._calls.update(rows=0, pages=0)
        return response(b"200 OK", told.encode())

    def _row(self, place: Place) -> bytes:
        self._calls["rows"] += 1
        row = self._tables[place.table].get(place.partition, place.key)
        if row is None:
            return _refused(b"404 Not Found", "ResourceNotFound")
        return response(b"200 OK", row.encoded(place.partition, place.key), _JSON)

    def _page(self, table: str, query: dict[str, list[str]]) -> bytes:
        self._calls["pages"] += 1
        partition, start, stop = filter_in(query["$filter"][0])
        columns = tuple(query["$select"][0].split(",")) if "$select" in query else None
        start = query.get("NextRowKey", [start])[0]
        rows, following = self._tables[table].page(partition, start, stop, columns, PAGE_SIZE)
        more = (
            [f"x-ms-continuation-NextPartitionKey: {partition}".encode(), b"x-ms-continuation-NextRowKey: " + following]
            if following
            else []
        )
        return response(b"200 OK", b'{"value":[' + b",".join(rows) + b"]}", _JSON, *more)

    def _batch(self, body: bytes) -> bytes:
        """Apply all changes of a changeset or none, and answer each."""
        changes = changes_in(body)
        store = self._tables[changes[0].place.table]
        try:
            etags = store.change(changes[0].place.partition, [_change(asked) for asked in changes])
        except Conflict as conflict:
            status = {"EntityAlreadyExists": b"409 Conflict", "UpdateConditionNotSatisfied": b"412 Precondition Failed"}
            return _batch_answer([_refused(status.get(conflict.code, b"404 Not Found"), conflict.code)])
        return _batch_answer(
            [
                b"HTTP/1.1 204 No Content\r\n" + (b'ETag: W/"%b"\r\n' % etag.encode() if etag else b"") + b"\r\n"
                for etag in etags
            ]
        )


def _change(asked: Asked) -> tuple[str, str, dict[str, Any], str]:
    return asked.verb, asked.place.key, asked.values, asked.etag


def _refused(status: bytes, code: str) -> bytes:
    text = json.dumps({"odata.error": {"code": code, "message": {"lang": "en-US", "value": code}}}).encode()
    return response(status, text, _JSON, f"x-ms-error-code: {code}".encode())


def _batch_answer(parts: list[bytes]) -> bytes:
    application = b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    changeset = b"".join(b"--changes\r\n" + application + part + b"\r\n" for part in parts) + b"--changes--\r\n"
    body = b"--batch\r\nContent-Type: multipart/mixed; boundary=changes\r\n\r\n" + changeset + b"--batch--\r\n"
    return response(b"202 Accepted", body, b"Content-Type: multipart/mixed; boundary=batch")
