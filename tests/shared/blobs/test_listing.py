"""Listing over HTTP: the SDK's pipeline asks, signs and retries; a page is whole or it is an error."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.storage.blob.aio import BlobServiceClient

from shared.blobs.connecting import translated
from shared.blobs.landing_account import Blobs
from shared.errors import BlobsUnavailable
from shared.landing import Page
from shared.storage_connection import EMULATOR_ACCOUNT, EMULATOR_KEY
from tests.shared.blobs.listing_pages import blob, page

DATE = "Sun, 22 Nov 2026 12:00:00 GMT"
CUT = "cut"  # the connection ends in the middle of the body


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """Return an answer as it goes over the wire."""
    lines = {"Content-Type": "application/xml", "Content-Length": str(len(body)), "Date": DATE}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    return (
        "\r\n".join([f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in lines.items()), "", ""]).encode()
        + body
    )


def cut(body: bytes) -> bytes:
    """Return an answer that promises more than it holds."""
    return answer(body)[:-10]


class Storage:
    """A server on loopback that gives its answers one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.answers: deque[bytes] = deque()
        self.requests: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and end the connection."""
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answers.popleft() if len(self.answers) > 1 else self.answers[0])
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def storage() -> Storage:
    """Return what the server says."""
    return Storage()


@pytest.fixture
async def client(storage: Storage) -> AsyncIterator[BlobServiceClient]:
    """Yield the SDK's client of the server, which does not wait before it tries again."""
    server = await asyncio.start_server(storage.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        BlobServiceClient(
            f"http://127.0.0.1:{port}/{EMULATOR_ACCOUNT}",
            credential={"account_name": EMULATOR_ACCOUNT, "account_key": EMULATOR_KEY},
            retry_total=2,
            initial_backoff=0,
            increment_base=0,
            random_jitter_range=0,
        ) as made,
    ):
        yield made


async def pages(client: BlobServiceClient, prefix: str = "", cursor: str = "") -> list[Page]:
    """List everything."""
    return [found async for found in Blobs(client, EMULATOR_ACCOUNT).pages("landing", prefix, cursor)]


async def test_request_is_signed_and_exact(client: BlobServiceClient, storage: Storage) -> None:
    """Authentication and version are the SDK's; prefix and marker arrive as they are, whatever they hold."""
    storage.answers.append(answer(page(blob())))

    await pages(client, "a b&c=d/é+%20", "2!92!MDAw--")

    (request,) = storage.requests
    query = parse_qs(urlsplit(request.split(" ")[1]).query, keep_blank_values=True)
    headers = request.lower()
    assert query == {
        "restype": ["container"],
        "comp": ["list"],
        "maxresults": ["5000"],
        "prefix": ["a b&c=d/é+%20"],
        "marker": ["2!92!MDAw--"],
    }
    assert f"\r\nx-ms-version: {client.api_version}\r\n" in headers
    assert "\r\nauthorization: sharedkey devstoreaccount1:" in headers


async def test_pages_follow_the_markers(client: BlobServiceClient, storage: Storage) -> None:
    """A page without a blob may have a next page; the last one has no marker."""
    storage.answers += [
        answer(page(blob("a"), marker="m1")),
        answer(page(marker="m2"), Date="Sun, 22 Nov 2026 12:00:07 GMT"),
        answer(page(blob("b"))),
    ]

    found = await pages(client)

    assert [[arrival.path for arrival in one.arrivals] for one in found] == [["a"], [], ["b"]]
    assert [one.cursor for one in found] == ["m1", "m2", ""]
    assert [one.server_time.second for one in found] == [0, 7, 0]
    assert found[0].server_time == datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert ["marker=m1" in request for request in storage.requests] == [False, True, False]


async def test_busy_server_is_asked_again(client: BlobServiceClient, storage: Storage) -> None:
    """The SDK's retries are in force."""
    storage.answers += [answer(b"", "503 Server Busy"), answer(page(blob("a")))]

    (found,) = await pages(client)

    assert [arrival.path for arrival in found.arrivals] == ["a"]


async def test_cut_page_is_fetched_again(client: BlobServiceClient, storage: Storage) -> None:
    """A connection that breaks in the middle of a page costs another request and no blob."""
    storage.answers += [cut(page(blob("a"))), cut(page(blob("a"))), answer(page(blob("a")))]

    (found,) = await pages(client)

    assert [arrival.path for arrival in found.arrivals] == ["a"]
    assert len(storage.requests) == 3


async def test_page_that_is_always_cut_is_unavailable(client: BlobServiceClient, storage: Storage) -> None:
    """Half a listing is never taken for a whole one."""
    storage.answers.append(cut(page(blob("a"))))

    with pytest.raises(BlobsUnavailable, match="Could not list landing/: ServiceResponseError"):
        await pages(client)
    assert len(storage.requests) == 3


@pytest.mark.parametrize(
    "said",
    [
        answer(b"<html>Sign in</html>", Content_Type="text/html"),
        answer(page(blob())[:-30]),
        answer(page(blob()), Date="yesterday"),
    ],
    ids=["a proxy's page", "half a page", "no time"],
)
async def test_what_is_no_listing_is_unavailable(client: BlobServiceClient, storage: Storage, said: bytes) -> None:
    """A 200 of somebody else ends the listing with an error that says so."""
    storage.answers.append(said)

    with pytest.raises(BlobsUnavailable, match="Could not list landing/: Blob Storage answered what is no listing"):
        await pages(client)


def _refusals() -> Iterator[bytes]:
    body = b'<?xml version="1.0" encoding="utf-8"?><Error><Code>%s</Code><Message>m</Message></Error>'
    yield answer(body % b"AuthorizationFailure", "403 Forbidden", x_ms_error_code="AuthorizationFailure")
    yield answer(body % b"ContainerNotFound", "404 Not Found", x_ms_error_code="ContainerNotFound")
    yield answer(body % b"ContainerBeingDeleted", "409 Conflict")
    yield answer(body % b"ServerBusy", "503 Server Busy")
    yield answer(b"", "400 Bad Request")
    yield answer(b"<html>", "502 Bad Gateway", Content_Type="text/html")


@pytest.mark.parametrize("said", list(_refusals()), ids=["403", "404", "409", "503", "400", "502"])
async def test_refusals_are_told_as_the_sdk_tells_them(
    client: BlobServiceClient, storage: Storage, said: bytes
) -> None:
    """What a listing fails with is what `list_blobs` fails with, after as many requests."""
    storage.answers.append(said)

    with pytest.raises(BlobsUnavailable) as ours:
        await pages(client)
    asked = len(storage.requests)
    with pytest.raises(BlobsUnavailable) as theirs, translated("list landing/"):
        _ = [one async for one in client.get_container_client("landing").list_blobs()]

    assert str(ours.value) == str(theirs.value)
    assert len(storage.requests) == 2 * asked


async def test_listing_may_start_in_the_middle(client: BlobServiceClient, storage: Storage) -> None:
    """A shard asks for names from its beginning on; the pages that follow are found by their markers."""
    storage.answers += [answer(page(blob("b"), marker="m1")), answer(page(blob("c")))]

    listing = Blobs(client, EMULATOR_ACCOUNT).pages("landing", "", start_from="b/é")
    found = [arrival.path async for one in listing for arrival in one.arrivals]

    queries = [parse_qs(urlsplit(request.split(" ")[1]).query) for request in storage.requests]
    assert found == ["b", "c"]
    assert [query.get("startFrom") for query in queries] == [["b/é"], None]
