"""One end of an HTTP/1.1 connection: whole messages in, whole messages out."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import TypeVar

import h11

_CHUNK = 65_536
_Head = TypeVar("_Head", h11.Request, h11.Response)


class Broken(Exception):
    """The other side ended the connection within a message."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request with its whole body."""

    head: h11.Request
    body: bytes

    @property
    def method(self) -> str:
        """Return the HTTP method."""
        return self.head.method.decode("ascii")

    @property
    def target(self) -> str:
        """Return path and query."""
        return self.head.target.decode("ascii")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its whole body."""

    head: h11.Response
    body: bytes


class Peer:
    """A connection, as client or as server."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, role: type[h11.CLIENT | h11.SERVER]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(role, max_incomplete_event_size=_CHUNK)

    async def request(self) -> Request | None:
        """Return the next request; None when the client is done. Raises Broken."""
        found = await self._message(h11.Request)
        return Request(*found) if found else None

    async def answer(self) -> Answer:
        """Return the answer to the request that was sent. Raises Broken."""
        found = await self._message(h11.Response)
        if found is None:
            raise Broken
        return Answer(*found)

    async def send(self, message: Request | Answer) -> None:
        """Send a whole message; raises OSError when nobody takes it."""
        self._write(message.head)
        if message.body:
            self._write(h11.Data(message.body))
        self._write(h11.EndOfMessage())
        await self._writer.drain()

    async def trickle(self, answer: Answer, pieces: int, seconds: float) -> None:
        """Send an answer whose body comes in so many pieces at most, spread over a time."""
        self._write(answer.head)
        size = -(-len(answer.body) // pieces)
        starts = range(0, len(answer.body), size)
        for start in starts:
            await asyncio.sleep(seconds / len(starts))
            self._write(h11.Data(answer.body[start : start + size]))
            await self._writer.drain()
        self._write(h11.EndOfMessage())
        await self._writer.drain()

    async def send_part(self, answer: Answer, share: float) -> None:
        """Send an answer whose headers promise more than comes."""
        self._write(answer.head)
        self._write(h11.Data(answer.body[: int(len(answer.body) * share)]))
        await self._writer.drain()

    def next_exchange(self) -> bool:
        """Tell whether the connection serves another exchange, and make it ready for that."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE or self._reader.at_eof():
            return False
        self._http.start_next_cycle()
        return True

    async def end_our_side(self, seconds: float) -> None:
        """Say that nothing more will come, and go on listening until the other side ends as well, or so long."""
        self._writer.write_eof()
        try:
            async with asyncio.timeout(seconds):
                while await self._reader.read(_CHUNK):
                    pass
        except (TimeoutError, OSError):
            return

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        found: socket.socket = self._writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def close(self) -> None:
        """End the connection in order; what was written still goes out."""
        self._writer.close()

    def _write(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)

    async def _message(self, kind: type[_Head]) -> tuple[_Head, bytes] | None:
        head, parts = None, []
        while True:
            event = await self._event()
            if isinstance(event, kind):
                head = event
            elif isinstance(event, h11.Data):
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return head, b"".join(parts)
            elif isinstance(event, h11.ConnectionClosed):
                return None

    async def _event(self) -> h11.Event:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise Broken(str(error)) from error
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_CHUNK))
            elif isinstance(event, h11.Event):
                return event
            else:  # PAUSED: an exchange is over and nobody asked for the next one
                raise Broken("a message came out of turn")
