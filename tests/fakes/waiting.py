"""Waiting for what other processes and sockets do in their own time: polled, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return when something is so; raises TimeoutError when it does not become so."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process or library
            await asyncio.sleep(0.005)


def block_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return when something is so; for tests that are not async."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.02)


async def until_done(condition: Callable[[], Awaitable[bool]], seconds: float = 20, *, pause: float = 0.02) -> None:
    """Return when something that must be asked for is so; raises TimeoutError when it does not become so."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the same
            await asyncio.sleep(pause)


async def give_way(turns: int = 200) -> None:
    """Let every other task of this loop go as far as it can without waiting for the world."""
    for _ in range(turns):
        await asyncio.sleep(0)
