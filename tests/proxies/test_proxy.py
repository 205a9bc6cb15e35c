"""Each fault does what it says, over real sockets."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from localdev.workspace.server import running
from tests.fakes.waiting import until
from tests.proxies.faults import BEFORE, Fault, Kind
from tests.proxies.plan import FaultPlan
from tests.proxies.proxy import FaultProxy

WORDS = {"words": ["one", "two", "three"]}


class Upstream:
    """Counts what reaches it, and tells what it was sent."""

    def __init__(self) -> None:
        self.served: Counter[str] = Counter()
        paths = {"/echo": self.echo, "/words": self.words, "/chunks": self.chunks}
        routes = [Route(path, act, methods=["GET", "POST"]) for path, act in paths.items()]
        self.app = Starlette(routes=routes)

    async def words(self, request: Request) -> Response:
        """Return some JSON."""
        self.served[request.url.path] += 1
        return JSONResponse(WORDS, headers={"X-Kept": "Yes"})

    async def echo(self, request: Request) -> Response:
        """Return the body that came, and a header of it."""
        self.served[request.url.path] += 1
        return Response(await request.body(), headers={"X-Seen": request.headers.get("x-sent", "")})

    async def chunks(self, request: Request) -> Response:
        """Return a body of unknown length."""
        self.served[request.url.path] += 1

        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"one ", b"two ", b"three"):
                yield piece

        return StreamingResponse(pieces())


@asynccontextmanager
async def _scene() -> AsyncIterator[tuple[Upstream, FaultPlan, httpx.AsyncClient]]:
    upstream, plan = Upstream(), FaultPlan()
    async with (
        running(upstream.app) as url,
        FaultProxy(url, plan, lambda method, target: f"{method} {target}") as proxy,
        httpx.AsyncClient(base_url=proxy.url, timeout=5, trust_env=False) as client,
    ):
        yield upstream, plan, client


async def test_requests_pass_unchanged() -> None:
    """Path, query, headers and bodies arrive as they were sent, also where no length is told."""
    async with _scene() as (_, _, client):
        echoed = await client.post("/echo?a=%2F%20b", content=b"\x00body", headers={"X-Sent": "A b"})
        chunked_in = await client.post("/echo", content=_pieces())
        chunked_out = await client.get("/chunks")
        head = await client.head("/words")

    assert (echoed.content, echoed.headers["X-Seen"]) == (b"\x00body", "A b")
    assert chunked_in.content == b"in pieces"
    assert chunked_out.content == b"one two three"
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0


async def _pieces() -> AsyncIterator[bytes]:
    yield b"in "
    yield b"pieces"


async def test_connections_are_kept_alive() -> None:
    """Many requests of one client travel over one connection."""
    async with _scene() as (upstream, plan, client):
        for _ in range(5):
            assert (await client.get("/words")).json() == WORDS
        connections = len(client._transport._pool.connections)  # type: ignore[attr-defined]  # httpx tells nobody

    assert connections == 1
    assert upstream.served["/words"] == plan.requests["GET /words"] == 5


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Kind.UNAVAILABLE_BEFORE, 503),
        (Kind.UNAVAILABLE_AFTER, 503),
        (Kind.SERVER_ERROR, 500),
        (Kind.THROTTLED, 429),
    ],
)
@pytest.mark.parametrize("retry_after", [None, "2", "-5", "1000000000", "Wed, 21 Oct 2015 07:28:00 GMT"])
async def test_answer_is_replaced(kind: Kind, status: int, retry_after: str | None) -> None:
    """Another status comes instead, with the Retry-After that was asked for, and the effect is kept or not."""
    async with _scene() as (upstream, plan, client):
        plan.say("GET /words", Fault(kind, retry_after=retry_after))
        answer = await client.get("/words")
        following = await client.get("/words")

    assert (answer.status_code, answer.headers.get("Retry-After")) == (status, retry_after)
    assert following.json() == WORDS
    assert upstream.served["/words"] == (1 if kind in BEFORE else 2)
    assert plan.made == {("GET /words", kind): 1}


async def test_login_page_looks_like_success() -> None:
    """HTML with status 200 comes where JSON was due, and the upstream knows nothing of it."""
    async with _scene() as (upstream, plan, client):
        plan.say("GET /words", Fault(Kind.LOGIN_PAGE))
        answer = await client.get("/words")

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert upstream.served["/words"] == 0


@pytest.mark.parametrize(
    ("kind", "error", "served"),
    [
        (Kind.RESET_BEFORE, httpx.ReadError, 0),
        (Kind.RESET_AFTER, httpx.ReadError, 1),
        (Kind.HALF_CLOSE, httpx.RemoteProtocolError, 0),
        (Kind.DROP_AFTER, httpx.RemoteProtocolError, 1),
        (Kind.CUT_OFF, httpx.RemoteProtocolError, 1),
    ],
)
async def test_connection_breaks(kind: Kind, error: type[Exception], served: int) -> None:
    """The client sees a reset or an early end; the upstream has done its work, or never heard of it."""
    async with _scene() as (upstream, plan, client):
        plan.say("GET /words", Fault(kind))
        with pytest.raises(error):
            await client.get("/words")
        following = await client.get("/words")

    assert following.json() == WORDS
    assert upstream.served["/words"] == served + 1
    assert plan.made == {("GET /words", kind): 1}


@pytest.mark.parametrize("path", ["/words", "/chunks"])
async def test_truncated_body_looks_whole(path: str) -> None:
    """Half of the body comes with the length of that half, and with the other headers."""
    async with _scene() as (_, plan, client):
        whole = await client.get(path)
        plan.say(f"GET {path}", Fault(Kind.TRUNCATED))
        answer = await client.get(path)

    assert answer.content == whole.content[: len(whole.content) // 2]
    assert answer.status_code == 200
    assert answer.headers.get("X-Kept") == whole.headers.get("X-Kept")


@pytest.mark.parametrize("kind", [Kind.LATENCY, Kind.SLOW_BODY])
async def test_right_answer_comes_late(kind: Kind) -> None:
    """What is slow arrives whole, after the time that was asked for."""
    async with _scene() as (_, plan, client):
        plan.say("GET /words", Fault(kind, seconds=0.3))
        began = time.monotonic()
        answer = await client.get("/words")
        seconds = time.monotonic() - began

    assert answer.json() == WORDS
    assert seconds >= 0.29


async def test_answer_without_body_passes_faults_of_bodies() -> None:
    """What cannot be cut is not counted as cut."""
    async with _scene() as (_, plan, client):
        plan.say("POST /echo", Fault(Kind.TRUNCATED))
        answer = await client.post("/echo")

    assert answer.status_code == 200
    assert plan.made == {}


async def test_dead_upstream_breaks_the_connection() -> None:
    """Where nobody listens behind the proxy, the client's connection breaks."""
    async with running(Upstream().app) as url:
        pass
    async with FaultProxy(url, FaultPlan(), lambda *_: "all") as proxy:
        async with httpx.AsyncClient(base_url=proxy.url, trust_env=False) as client:
            with pytest.raises(httpx.TransportError):
                await client.get("/words")

        assert proxy.plan.requests == {"all": 1}


async def test_impatient_client_leaves_the_upstream_its_work() -> None:
    """A client that hangs up during a late answer has caused its effect, and disturbs nobody."""
    async with _scene() as (upstream, plan, client):
        plan.say("GET /words", Fault(Kind.LATENCY, seconds=0.5))
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/words", timeout=0.1)
        await until(lambda: upstream.served["/words"] == 1)
        answers = await asyncio.gather(*(client.get("/words") for _ in range(10)))

    assert [answer.json() for answer in answers] == [WORDS] * 10
