"""A host behind a socket on loopback, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import uvicorn

from localdev.functions_host.host import EmbeddedHost
from shared.errors import ConfigurationError, Fault

if TYPE_CHECKING:
    from starlette.applications import Starlette

ADDRESS = "127.0.0.1"


# As long as Kestrel's, under the real host: a client that keeps a connection must not find it closed.
_KEEP_ALIVE = 130


class _Server(uvicorn.Server):
    """A server that says when it is up, and leaves signals to us: uvicorn would raise them again at its end."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening_socket(port: int) -> socket.socket:
    """Return a socket that listens on loopback, port 0 for any; raises ConfigurationError when the port is taken."""
    # Only a socket that says TCP gets TCP_NODELAY from asyncio; without it some answers take 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ADDRESS, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        fault = Fault(f"The host cannot listen on {ADDRESS}:{port}: {error}.")
        raise ConfigurationError("--port", [fault], hint="Choose another port, or 0 for any.") from error
    return listener


def http_server(app: Starlette, *, grace: float, ready: Callable[[], None]) -> uvicorn.Server:
    """Return a server for `serve(sockets=[…])`: it calls `ready` when it is up, and ends when `should_exit` is set."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(grace)),
    )
    return _Server(config, ready)


async def serve(
    host: EmbeddedHost, app: Starlette, listener: socket.socket, *, grace: float, ready: Callable[[], None]
) -> None:
    """Serve until SIGTERM or SIGINT; then let requests and runs finish within `grace` seconds each.

    Calls `ready` when requests are answered.
    """
    server = http_server(app, grace=grace, ready=ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, server, host)
    try:
        await host.start()
        await server.serve(sockets=[listener])
    finally:
        await host.stop(grace)


def _stop(server: uvicorn.Server, host: EmbeddedHost) -> None:
    host.quiesce()
    server.force_exit = server.should_exit  # told twice: at once
    server.should_exit = True
