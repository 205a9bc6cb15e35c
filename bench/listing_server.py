"""A container of many blobs on loopback, for benchmarks: List Blobs as Azure answers it, in pages of 5,000.

Azurite slows with every blob that it holds; this server makes its pages before it serves them. The fields of a blob
are those of https://learn.microsoft.com/rest/api/storageservices/list-blobs#response-body for a block blob.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import multiprocessing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from multiprocessing.connection import Connection
from urllib.parse import parse_qs, urlsplit

PAGE_SIZE = 5_000
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
_BLOB = (
    "<Blob><Name>{name}</Name><Properties><Creation-Time>{time}</Creation-Time><Last-Modified>{time}</Last-Modified>"
    "<Etag>{etag}</Etag><Content-Length>{size}</Content-Length><Content-Type>text/csv</Content-Type>"
    "<Content-Encoding /><Content-Language /><Content-CRC64 /><Content-MD5>{md5}</Content-MD5><Cache-Control />"
    "<Content-Disposition /><BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier>"
    "<AccessTierInferred>true</AccessTierInferred><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
    "<ServerEncrypted>true</ServerEncrypted></Properties><OrMetadata /></Blob>"
)


def blob_name(number: int) -> str:
    """Return the name of one blob: names sort as their numbers do."""
    return f"crm/2026-11/orders-{number:09d}.csv"


def page(first: int, last: int, marker: str) -> bytes:
    """Return the page of the blobs from `first` up to, not including, `last`."""
    blobs = "".join(
        _BLOB.format(
            name=blob_name(number),
            time=format_datetime(SINCE + timedelta(seconds=number), usegmt=True),
            etag=f"0x8DE{number:012X}",
            size=1_000 + number,
            md5=base64.b64encode(hashlib.md5(b"%d" % number, usedforsecurity=False).digest()).decode(),
        )
        for number in range(first, last)
    )
    next_marker = f"<NextMarker>{marker}</NextMarker>" if marker else "<NextMarker />"
    return (
        '\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://127.0.0.1/" '
        f'ContainerName="landing"><MaxResults>{PAGE_SIZE}</MaxResults><Blobs>{blobs}</Blobs>{next_marker}'
        "</EnumerationResults>"
    ).encode()


class ListingServer:
    """A server in a process of its own; a context manager that gives its address."""

    def __init__(self, blobs: int) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        start = multiprocessing.get_context("spawn").Process
        self._process = start(target=_serve, args=[blobs, theirs], daemon=True)

    def __enter__(self) -> str:
        """Start it and return its address, a blob endpoint, once all pages are made."""
        self._process.start()
        return f"http://127.0.0.1:{self._ours.recv()}/devstoreaccount1"

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _serve(blobs: int, port: Connection) -> None:
    pages = {
        str(first) if first else "": page(
            first, min(first + PAGE_SIZE, blobs), str(first + PAGE_SIZE) if first + PAGE_SIZE < blobs else ""
        )
        for first in range(0, blobs, PAGE_SIZE)
    }

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Listings(pages), "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


class _Listings(asyncio.Protocol):
    def __init__(self, pages: dict[str, bytes]) -> None:
        self._pages = pages
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            target = self._received[:end].split(b" ", 2)[1].decode("ascii")
            self._received = self._received[end + 4 :]
            body = self._pages[parse_qs(urlsplit(target).query).get("marker", [""])[0]]
            date = format_datetime(datetime.now(UTC), usegmt=True)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nDate: {date}\r\nContent-Length: {len(body)}"
            self._transport.write(f"{head}\r\n\r\n".encode() + body)
