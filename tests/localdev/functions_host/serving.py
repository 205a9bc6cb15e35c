"""A host behind real HTTP on loopback, for as long as a block lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from localdev.functions_host import EmbeddedHost
from localdev.functions_host.access_keys import AccessKeys
from localdev.functions_host.server import http_server, listening_socket
from localdev.functions_host.web import web_app
from tests.localdev.functions_host.sample import FOLDER, SETTINGS


@asynccontextmanager
async def served(
    app: Path = FOLDER, settings: Mapping[str, str] = SETTINGS, keys: AccessKeys | None = None
) -> AsyncIterator[tuple[EmbeddedHost, httpx.AsyncClient]]:
    """Yield a host that answers on a port of its own, its timers and queues not started, and a client for it."""
    listener = listening_socket(0)
    ready = asyncio.Event()
    with listener, EmbeddedHost(app, settings) as host:
        server = http_server(web_app(host, keys), grace=1, ready=ready.set)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await asyncio.wait_for(ready.wait(), 10)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            yield host, client
        server.should_exit = True
        await serving
        await host.in_flight.drain(1)
