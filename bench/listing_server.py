"""A container of many blobs on loopback, for benchmarks: List Blobs as Azure answers it, in pages of 5,000.

Azurite slows with every blob that it holds; this server makes its pages before it serves them, those below a prefix
when they are first asked for. The fields of a blob are those of
https://learn.microsoft.com/rest/api/storageservices/list-blobs#response-body for a block blob. It also tells the
properties of a blob and the service's time, which a sweep asks for. `GET /calls` answers how many pages were served
since the last time.
"""

from __future__ import annotations

import json
import multiprocessing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, unquote, urlsplit

from bench.jobs_server import Responder, response, serve
from bench.landed import CONTAINER, NOW, Landed
from shared.storage_connection import EMULATOR_ACCOUNT

PAGE_SIZE = 5_000
_BLOB = (
    "<Blob><Name>{name}</Name><Properties><Creation-Time>{time}</Creation-Time><Last-Modified>{time}</Last-Modified>"
    "<Etag>{etag}</Etag><Content-Length>{size}</Content-Length><Content-Type>text/csv</Content-Type>"
    "<Content-Encoding /><Content-Language /><Content-CRC64 /><Content-MD5>{md5}</Content-MD5><Cache-Control />"
    "<Content-Disposition /><BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier>"
    "<AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
    "<ServerEncrypted>true</ServerEncrypted></Properties><OrMetadata /></Blob>"
)
_PROPERTIES = b'<?xml version="1.0" encoding="utf-8"?><StorageServiceProperties></StorageServiceProperties>'


def page(landed: Landed, numbers: range, marker: str) -> bytes:
    """Return the page of some blobs; `marker` is where the next one starts, "" on the last."""
    blobs = "".join(
        _BLOB.format(
            name=landed.name(number),
            time=_http_date(landed.committed_at(number)),
            etag=landed.etag(number),
            size=landed.size(number),
            md5=landed.md5(number),
        )
        for number in numbers
    )
    next_marker = f"<NextMarker>{marker}</NextMarker>" if marker else "<NextMarker />"
    return (
        '\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://127.0.0.1/" '
        f'ContainerName="{CONTAINER}"><MaxResults>{PAGE_SIZE}</MaxResults><Blobs>{blobs}</Blobs>{next_marker}'
        "</EnumerationResults>"
    ).encode()


class ListingServer:
    """A server in a process of its own; a context manager that gives its address.

    `shift` is how far its clock is from the machine's; it begins at NOW where nothing is said.
    """

    def __init__(self, blobs: int, shift: timedelta | None = None) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        start = multiprocessing.get_context("spawn").Process
        arguments = [Landed(blobs), NOW - datetime.now(UTC) if shift is None else shift, theirs]
        self._process = start(target=_serve, args=arguments, daemon=True)

    def __enter__(self) -> str:
        """Start it and return its address, a blob endpoint, once all pages are made."""
        self._process.start()
        return f"http://127.0.0.1:{self._ours.recv()}/{EMULATOR_ACCOUNT}"

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _serve(landed: Landed, shift: timedelta, port: Connection) -> None:
    pages = _Pages(landed)
    pages.make_all()
    serve(partial(_Listings, pages, shift), port)


class _Pages:
    """The pages, made once."""

    def __init__(self, landed: Landed) -> None:
        self.landed = landed
        self.served = 0
        self._made: dict[tuple[int, int], bytes] = {}

    def make_all(self) -> None:
        """Make the pages of the whole container."""
        for first in range(0, self.landed.count, PAGE_SIZE):
            self._page(first, self.landed.count)

    def asked(self, query: dict[str, list[str]]) -> bytes:
        """Return the page that a request asks for."""
        self.served += 1
        below = self.landed.numbers(query.get("prefix", [""])[0])
        marker = query.get("marker", [""])[0]
        first = int(marker) if marker else max(below.start, self.landed.first_from(query.get("startFrom", [""])[0]))
        return self._page(first, below.stop)

    def _page(self, first: int, stop: int) -> bytes:
        if (first, stop) not in self._made:
            last = min(first + PAGE_SIZE, stop)
            self._made[first, stop] = page(self.landed, range(first, last), str(last) if last < stop else "")
        return self._made[first, stop]


class _Listings(Responder):
    def __init__(self, pages: _Pages, shift: timedelta) -> None:
        super().__init__()
        self._pages = pages
        self._shift = shift

    def respond(self, head: bytes, body: bytes) -> bytes:
        del body
        method, target = head.decode("ascii").split(" ", 2)[:2]
        url = urlsplit(target)
        query = parse_qs(url.query)
        if url.path == "/calls":
            served, self._pages.served = self._pages.served, 0
            return response(b"200 OK", json.dumps(served).encode())
        if method == "HEAD":
            return self._properties(unquote(url.path).split("/", 3)[3])
        answer = _PROPERTIES if query.get("comp") == ["properties"] else self._pages.asked(query)
        return response(b"200 OK", answer, b"Content-Type: application/xml", self._date())

    def _properties(self, path: str) -> bytes:
        landed = self._pages.landed
        number = landed.first_from(path)
        if number == landed.count or landed.name(number) != path:
            return response(b"404 Not Found", b"", b"x-ms-error-code: BlobNotFound", self._date())
        headers = {
            "Last-Modified": _http_date(landed.committed_at(number)),
            "ETag": f'"{landed.etag(number)}"',
            "Content-Type": "text/csv",
            "Content-MD5": landed.md5(number),
            "x-ms-blob-type": "BlockBlob",
            "x-ms-lease-status": "unlocked",
            "x-ms-lease-state": "available",
        }
        told = [f"{name}: {value}".encode() for name, value in headers.items()]
        # Of a HEAD the length is that of the blob, and there is no body.
        return b"\r\n".join(
            [b"HTTP/1.1 200 OK", b"Content-Length: %d" % landed.size(number), *told, self._date(), b"", b""]
        )

    def _date(self) -> bytes:
        return f"Date: {_http_date(datetime.now(UTC) + self._shift)}".encode()


def _http_date(time: datetime) -> str:
    return format_datetime(time, usegmt=True)
