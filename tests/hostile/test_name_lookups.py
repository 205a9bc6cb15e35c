"""Names that a URL cannot say, and names that Blob Storage refuses: what a look at the blob makes of each answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from azure.storage.blob.aio import BlobServiceClient

from shared.blobs import Blobs
from shared.errors import BlobsUnavailable
from tests.fakes.arrivals import arrival
from tests.shared.blobs import listing_pages

DATE = {"Date": listing_pages.TIME}


@dataclass
class Storage:
    """A storage service that answers what it is told, and takes down what it was asked."""

    answers: list[web.Response] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Take a request down and give the next answer."""
        self.asked.append(f"{request.method} {request.raw_path}")
        return self.answers.pop(0)


@pytest.fixture
def storage() -> Storage:
    """Return what the service will answer."""
    return Storage()


@pytest.fixture
async def blobs(storage: Storage) -> AsyncIterator[Blobs]:
    """Yield the landing account of that service, on a port of its own."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", storage.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    opened = Blobs(BlobServiceClient(f"http://{host}:{port}/acct", retry_total=0), "acct")
    yield opened
    await opened.close()
    await runner.cleanup()


def page(*names: str, marker: str = "") -> web.Response:
    """Return a page of a listing that holds these names."""
    body = listing_pages.page(*(listing_pages.blob(name) for name in names), marker=marker)
    return web.Response(body=body, content_type="application/xml", headers=DATE)


def refusal(status: int, code: str = "") -> web.Response:
    """Return an answer that refuses, with the code of the service where it gives one."""
    return web.Response(status=status, headers={**DATE, "x-ms-error-code": code} if code else DATE)


@pytest.mark.parametrize("name", ["a/../b.csv", "../b.csv", "a/./b.csv", ".."])
async def test_name_with_dots_is_looked_up_in_a_listing(name: str, storage: Storage, blobs: Blobs) -> None:
    """Its URL would be another blob's, and a file that is not what was dropped would be reported as it."""
    storage.answers = [page(marker="next"), page(name, f"{name}.bak")]

    found = await blobs.identify(arrival(name))

    assert found is not None
    assert (found.path, found.version, found.size) == (name, listing_pages.AZURE["Etag"], 3)
    assert all(asked.startswith("GET /acct/landing?restype=container&comp=list") for asked in storage.asked)


async def test_longer_name_is_not_the_one_with_dots(storage: Storage, blobs: Blobs) -> None:
    """A listing by prefix also shows longer names; only the very name counts."""
    storage.answers = [page("a/../b.csv.bak")]

    assert await blobs.identify(arrival("a/../b.csv")) is None


@pytest.mark.parametrize("name", ["a.csv", "a/../b.csv"])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "BlobNotFound"),
        (404, "ContainerNotFound"),
        (400, "InvalidUri"),
        (400, "InvalidResourceName"),
        (400, "OutOfRangeInput"),
    ],
)
async def test_name_that_none_can_have_is_gone(
    status: int, code: str, name: str, storage: Storage, blobs: Blobs
) -> None:
    """There is no such blob. Taken for a failure, its event would be delivered again for a day."""
    storage.answers = [refusal(status, code)]

    assert await blobs.identify(arrival(name)) is None


@pytest.mark.parametrize("name", ["a.csv", "a/../b.csv"])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, ""),
        (400, "InvalidHeaderValue"),
        (400, "AuthenticationFailed"),
        (403, "AuthorizationFailure"),
        (409, ""),
        (503, ""),
    ],
)
async def test_other_refusal_is_told(status: int, code: str, name: str, storage: Storage, blobs: Blobs) -> None:
    """Where it is we who are refused, nobody knows whether the blob is there: it is asked again later."""
    storage.answers = [refusal(status, code)]

    with pytest.raises(BlobsUnavailable, match=str(status)):
        await blobs.identify(arrival(name))


@pytest.mark.parametrize("name", ["a\x00b.csv", "a\x1b[31m.csv", "x" * 1025])
async def test_odd_name_that_is_refused_without_a_code_is_gone(name: str, storage: Storage, blobs: Blobs) -> None:
    """The front end of Azure refuses some URLs before Blob Storage sees them, and gives no code of its own."""
    storage.answers = [refusal(400)]

    assert await blobs.identify(arrival(name)) is None
