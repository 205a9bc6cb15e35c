"""A Jobs API on loopback for benchmarks: it answers run-now at once and remembers when each request came in.

`GET /calls` answers with what was received since the last time: the file, the token, and the monotonic time, which all
processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any


class _Api(asyncio.Protocol):
    calls: list[tuple[str, str, float]] = []  # noqa: RUF012 - shared by all connections of the process
    runs: dict[str, int] = {}  # noqa: RUF012 - the same

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(self._received) < end + 4 + length:
                return
            body = self._received[end + 4 : end + 4 + length]
            self._received = self._received[end + 4 + length :]
            self._answer(head.split(b" ", 2)[1].decode(), body)

    def _answer(self, path: str, body: bytes) -> None:
        answer = json.dumps(self._calls() if path == "/calls" else self._run_now(body)).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n"
        self._transport.write(head.encode() + answer)

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


def _serve(port: Connection) -> None:
    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(_Api, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


class JobsServer:
    """The server in a process of its own; a context manager."""

    def __init__(self) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_serve, args=[theirs], daemon=True)

    def __enter__(self) -> str:
        """Start it and return its address."""
        self._process.start()
        return f"http://127.0.0.1:{self._ours.recv()}"

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()
