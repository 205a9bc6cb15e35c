"""A Jobs API on loopback for benchmarks: it answers run-now at once and remembers when each request came in.

`GET /calls` answers with what was received since the last time: the file, the token, and the monotonic time, which all
processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


def response(status: bytes, body: bytes, *headers: bytes) -> bytes:
    """Return an HTTP response."""
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers, b"", body])


class Responder(asyncio.Protocol):
    """Answers whole HTTP requests, as cheaply as Python can, with the JSON that `reply` gives."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that has come as a whole."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self._received) < end + 4 + length:
                return
            body = self._received[end + 4 : end + 4 + length]
            self._received = self._received[end + 4 + length :]
            self._transport.write(self.respond(head, body))

    def respond(self, head: bytes, body: bytes) -> bytes:
        """Return the whole response to one request, of which `head` is all before the body."""
        answer = self.reply(head.split(b" ", 2)[1], body)
        return response(b"200 OK", answer, b"Content-Type: application/json")

    def reply(self, path: bytes, body: bytes) -> bytes:
        """Return the JSON that answers one request."""
        raise NotImplementedError


class _Jobs(Responder):
    calls: list[tuple[str, str, float]] = []  # noqa: RUF012 - shared by all connections of the process
    runs: dict[str, int] = {}  # noqa: RUF012 - the same

    def reply(self, path: bytes, body: bytes) -> bytes:
        return json.dumps(self._calls() if path == b"/calls" else self._run_now(body)).encode()

    def _run_now(self, body: bytes) -> dict[str, int]:
        received = time.monotonic()
        request = json.loads(body)
        file = request["notebook_params"]["file_path"]
        token = request.get("idempotency_token") or f"none-{len(self.calls)}-{received}"
        run_id = self.runs.setdefault(token, len(self.runs) + 1)
        self.calls.append((file, str(run_id), received))
        return {"run_id": run_id, "number_in_job": run_id}

    def _calls(self) -> list[Any]:
        found = list(self.calls)
        self.calls.clear()
        return found


def serve(responder: Callable[[], Responder], port: Connection) -> None:
    """Serve on a free port of loopback, told through `port`, until the process is ended."""

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(responder, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


class JobsServer:
    """A server in a process of its own; a context manager that gives its address."""

    def __init__(self, responder: type[Responder] = _Jobs) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        start = multiprocessing.get_context("spawn").Process
        self._process = start(target=serve, args=[responder, theirs], daemon=True)

    def __enter__(self) -> str:
        """Start it and return its address."""
        self._process.start()
        return f"http://127.0.0.1:{self._ours.recv()}"

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()
