"""An HTTP server on loopback that does what its script says, one line per request, misbehaviour included."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def path(self) -> str:
        """Return the target without its query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """Return the query, the last value of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}


# Answers one request; tells whether the connection may stay open.
Action = Callable[[Received, asyncio.StreamWriter], Awaitable[bool]]


@dataclass(slots=True)
class ScriptedServer:
    """What was received, and what is still to be answered."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    _script: deque[Action] = field(default_factory=deque)
    _otherwise: Action | None = None
    _open: dict[asyncio.StreamWriter, asyncio.Event] = field(default_factory=dict)

    def will(self, *actions: Action) -> None:
        """Answer the next requests with these actions, one each."""
        self._script.extend(actions)

    def always(self, action: Action) -> None:
        """Answer every request beyond the script with this action."""
        self._otherwise = action

    @property
    def paths(self) -> list[str]:
        """Return the paths asked for, in order."""
        return [request.path for request in self.received]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until either side has enough."""
        self.connections += 1
        over = self._open[writer] = asyncio.Event()
        try:
            while (request := await _read(reader)) is not None:
                self.received.append(request)
                if not await self._next()(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away, as some tests want it to
        finally:
            writer.close()
            del self._open[writer]
            over.set()

    async def stop(self) -> None:
        """Break all connections and wait until their actions have noticed."""
        for writer, over in tuple(self._open.items()):
            writer.transport.abort()
            await over.wait()

    def _next(self) -> Action:
        if self._script:
            return self._script.popleft()
        return self._otherwise or says(418, {"error_code": "SCRIPT_EXHAUSTED", "message": "the script is over"})


@asynccontextmanager
async def serving() -> AsyncIterator[ScriptedServer]:
    """Serve on a free port of loopback."""
    scripted = ScriptedServer()
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.close()
        await scripted.stop()
        await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body)


def says(status: int, body: Any = b"", **headers: str) -> Action:
    """Answer with a status and a body: bytes as they are, anything else as JSON; `x_y="z"` is the header x-y."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {} if isinstance(body, bytes) else {"content-type": "application/json"}
    head = _head(status, {**kind, **headers, "content-length": str(len(content))})

    async def action(_: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(head + content)
        await writer.drain()
        return True

    return action


def html(status: int, text: str) -> Action:
    """Answer with a web page."""
    return says(status, text.encode(), content_type="text/html; charset=utf-8")


async def drops(_: Received, writer: asyncio.StreamWriter) -> bool:
    """Close the connection in good order, without an answer."""
    writer.close()
    return False


async def resets(_: Received, writer: asyncio.StreamWriter) -> bool:
    """Reset the connection."""
    writer.transport.abort()
    return False


async def answers_half(_: Received, writer: asyncio.StreamWriter) -> bool:
    """Promise 1,000 bytes, send a few, and close."""
    writer.write(_head(200, {"content-type": "application/json", "content-length": "1000"}) + b'{"run_id":')
    await writer.drain()
    return False


async def speaks_no_http(_: Received, writer: asyncio.StreamWriter) -> bool:
    """Send what is no HTTP at all."""
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await writer.drain()
    return False


async def hangs(_: Received, writer: asyncio.StreamWriter) -> bool:
    """Say nothing until the connection is broken."""
    with suppress(ConnectionError):
        await writer.wait_closed()
    return False


async def drips(_: Received, writer: asyncio.StreamWriter) -> bool:
    """Send a space every few milliseconds until the client goes away: no single read ever times out."""
    writer.write(_head(200, {"content-type": "application/json", "content-length": "1000000000"}))
    while not writer.transport.is_closing():
        writer.write(b" ")
        await asyncio.sleep(0.01)
    return False


def floods(sent: list[int], *, of: bytes = b" " * 65536) -> Action:
    """Send an endless body as fast as the client takes it, and count the bytes into `sent`."""

    async def action(_: Received, writer: asyncio.StreamWriter) -> bool:
        writer.write(_head(200, {"content-type": "application/json", "transfer-encoding": "chunked"}))
        try:
            while not writer.transport.is_closing():
                writer.write(b"%x\r\n%b\r\n" % (len(of), of))
                sent.append(len(of))
                await writer.drain()
        except ConnectionError:
            pass
        return False

    return action


class RunBook:
    """Starts runs as run-now does: one per token, however often it is sent."""

    def __init__(self) -> None:
        self.runs: dict[str, int] = {}

    def starts(self, *, then: Action | None = None) -> Action:
        """Start the request's run, or find it by its token; then answer, or misbehave."""

        async def action(request: Received, writer: asyncio.StreamWriter) -> bool:
            token = json.loads(request.body)["idempotency_token"]
            run_id = self.runs.setdefault(token, 1000 + len(self.runs))
            answer = then or says(200, {"run_id": run_id, "number_in_job": run_id})
            return await answer(request, writer)

        return action


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
