"""Waiting for the first of two things: that something happens, or that a moment comes."""

from __future__ import annotations

import asyncio
from datetime import datetime

from shared.clock import Clock


async def woken_or_due(woken: asyncio.Event, due: datetime | None, clock: Clock) -> None:
    """Wait until the event is set or the clock has reached `due`; for the event alone without one."""
    waits: list[asyncio.Task[object]] = [asyncio.create_task(woken.wait())]
    if due is not None:
        waits.append(asyncio.create_task(_come(due, clock)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _come(due: datetime, clock: Clock) -> None:
    # What is left is counted here, where the sleep begins: a clock may have moved since the task was made.
    await clock.sleep(max(0.0, (due - clock.now()).total_seconds()))
