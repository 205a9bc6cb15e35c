"""The server's socket."""

from __future__ import annotations

import socket
import statistics
import time

import pytest

from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.server import bind, url_of
from tests.localdev.workspace.kit import Workspace


def test_answers_are_not_held_back() -> None:
    """Asyncio sets TCP_NODELAY only where the protocol is named; without it each answer waits 40 ms for the next."""
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


async def test_answers_come_at_once(served: Workspace) -> None:
    """A client that asks again and again over one connection does not wait for TCP."""
    times = []
    for _ in range(15):
        begun = time.monotonic()
        await served.get("list")
        times.append(time.monotonic() - begun)

    assert statistics.median(times) < 0.03


def test_taken_port_is_named() -> None:
    """And so is what to do about it."""
    with bind("127.0.0.1", 0) as listener:
        listener.listen()
        port = listener.getsockname()[1]

        assert url_of(listener) == f"http://127.0.0.1:{port}"
        with pytest.raises(WorkspaceNotStarted, match=f"Port {port} is taken"):
            bind("127.0.0.1", port)
