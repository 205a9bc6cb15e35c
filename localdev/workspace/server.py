"""Serves the workspace over HTTP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.faults import ABORT

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LONGEST_GOODBYE = 5  # seconds for requests under way


class BreakableProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, with a way for the application to break the connection without an answer."""

    def handle_events(self) -> None:
        """Handle what came in; the application starts only afterwards and finds the extension."""
        super().handle_events()
        if self.scope is not None:
            self.scope["extensions"] = {ABORT: {"call": self.transport.abort}}


class _Server(uvicorn.Server):
    """A server that says when it listens, and leaves the process's signals to whoever owns the process."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start up, then say so."""
        await super().startup(sockets)
        self._listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """Return a socket on a port, a free one for 0; raises WorkspaceNotStarted when it is taken."""
    # asyncio turns Nagle's delay off, 40 ms for each answer, only on sockets that name their protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise WorkspaceNotStarted(
                f"Port {port} is taken.", hint="Stop what uses it, or choose another one; 0 takes a free one."
            ) from error
        raise WorkspaceNotStarted(f"The workspace cannot listen at {host}:{port}: {error.strerror}.") from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the address of a bound socket."""
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


async def serve(app: ASGIApp, listener: socket.socket, listening: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; calls `listening` once requests are answered."""
    server = _Server(_config(app), listening)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)  # noqa: FBT003 - setattr has no keywords
    await server.serve(sockets=[listener])


@contextlib.asynccontextmanager
async def running(app: ASGIApp, *, port: int = 0) -> AsyncIterator[str]:
    """Serve inside this process for as long as the block lasts; yields the address."""
    listener = bind("127.0.0.1", port)
    listening = asyncio.Event()
    server = _Server(_config(app), listening.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    started = asyncio.create_task(listening.wait())
    await asyncio.wait({serving, started}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not listening.is_set():
            await serving  # raises what went wrong
        yield url_of(listener)
    finally:
        started.cancel()
        server.should_exit = True
        await serving


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BreakableProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        proxy_headers=False,
        log_config=None,
        timeout_graceful_shutdown=LONGEST_GOODBYE,
    )
