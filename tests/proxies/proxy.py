"""A proxy on loopback before one HTTP service, which does to each exchange what a plan says."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

import h11

from tests.proxies.faults import BEFORE, OF_BODIES, Fault, Kind
from tests.proxies.http_peer import Answer, Broken, Peer, Request
from tests.proxies.listener import Listener
from tests.proxies.operations import Namer
from tests.proxies.plan import FaultPlan

_HOST = "127.0.0.1"
_PIECES = 10
_PATIENCE = 30.0  # seconds with a client that does not end its side
_LOGIN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Password</form></body></html>"
_CANNED = {
    Kind.UNAVAILABLE_BEFORE: (503, b"Service Unavailable", "text/plain"),
    Kind.UNAVAILABLE_AFTER: (503, b"Service Unavailable", "text/plain"),
    Kind.SERVER_ERROR: (500, b"Internal Server Error", "text/plain"),
    Kind.THROTTLED: (429, b"Too Many Requests", "text/plain"),
    Kind.LOGIN_PAGE: (200, _LOGIN_PAGE, "text/html; charset=utf-8"),
}


class FaultProxy(Listener):
    """Serves one upstream ("http://127.0.0.1:10000"); each client connection has an upstream connection of its own.

    It changes nothing that passes, so that signatures stay good: paths and headers are forwarded as they came.
    """

    def __init__(self, upstream: str, plan: FaultPlan, operation_of: Namer) -> None:
        super().__init__()
        self.plan = plan
        self.under_way = 0  # requests that were forwarded and are not answered yet
        place = urlsplit(upstream)
        self._place = (place.hostname or _HOST, place.port or 80)
        self._operation_of = operation_of

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the requests of one connection, one after the other."""
        client = Peer(reader, writer, h11.SERVER)
        upstream = _Upstream(self._place)
        try:
            while (request := await client.request()) is not None:
                operation = self._operation_of(request.method, request.target)
                if not await self._exchange(client, upstream, request, operation) or not client.next_exchange():
                    break
        except (Broken, OSError):
            with suppress(OSError):  # the client may be gone already
                client.reset()  # what breaks behind us breaks before us as well
        finally:
            client.close()
            upstream.close()

    async def _exchange(self, client: Peer, upstream: _Upstream, request: Request, operation: str) -> bool:
        """Serve one request; tell whether the client's connection may go on."""
        fault = self.plan.take(operation)
        if fault is not None and fault.kind in BEFORE:
            self.plan.count(operation, fault)
            return await _instead(client, fault, request)
        answer = await self._forwarded(upstream, request)
        if fault is None or (fault.kind in OF_BODIES and not answer.body):
            await client.send(answer)
            return True
        self.plan.count(operation, fault)
        return await _afterwards(client, fault, request, answer)

    async def _forwarded(self, upstream: _Upstream, request: Request) -> Answer:
        self.under_way += 1
        try:
            return await upstream.ask(request)
        finally:
            self.under_way -= 1


class _Upstream:
    """The upstream connection of one client, opened when it is first needed, and again when it has ended."""

    def __init__(self, place: tuple[str, int]) -> None:
        self._place = place
        self._peer: Peer | None = None

    async def ask(self, request: Request) -> Answer:
        if self._peer is None or not self._peer.next_exchange():
            self.close()
            self._peer = Peer(*await asyncio.open_connection(*self._place), h11.CLIENT)
        await self._peer.send(request)
        return await self._peer.answer()

    def close(self) -> None:
        if self._peer is not None:
            self._peer.close()


async def _instead(client: Peer, fault: Fault, request: Request) -> bool:
    """Do what keeps a request from the upstream."""
    if fault.kind is Kind.RESET_BEFORE:
        client.reset()
        return False
    if fault.kind is Kind.HALF_CLOSE:
        await client.end_our_side(_PATIENCE)
        return False
    await client.send(_canned(fault, request))
    return True


async def _afterwards(client: Peer, fault: Fault, request: Request, answer: Answer) -> bool:
    """Do to an answer what the fault says; the upstream has done its work."""
    match fault.kind:
        case Kind.LATENCY:
            await asyncio.sleep(fault.seconds)
            await client.send(answer)
        case Kind.SLOW_BODY:
            await client.trickle(answer, _PIECES, fault.seconds)
        case Kind.RESET_AFTER:
            client.reset()
            return False
        case Kind.DROP_AFTER:
            return False
        case Kind.TRUNCATED:
            await client.send(_shortened(answer, fault.share))
        case Kind.CUT_OFF:
            await client.send_part(answer, fault.share)
            return False
        case _:
            await client.send(_canned(fault, request))
    return True


def _canned(fault: Fault, request: Request) -> Answer:
    status, body, content_type = _CANNED[fault.kind]
    headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
    headers |= {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
    encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
    return Answer(h11.Response(status_code=status, headers=encoded), b"" if request.method == "HEAD" else body)


def _shortened(answer: Answer, share: float) -> Answer:
    body = answer.body[: int(len(answer.body) * share)]
    framing = (b"content-length", b"transfer-encoding")
    headers = [(name, value) for name, value in answer.head.headers.raw_items() if name.lower() not in framing]
    headers.append((b"Content-Length", str(len(body)).encode("ascii")))
    head = h11.Response(status_code=answer.head.status_code, headers=headers, reason=answer.head.reason)
    return Answer(head, body)
