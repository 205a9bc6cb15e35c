"""One simulated worker process: its own clock, its own tasks, and a death that leaves no effect behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


class Died(asyncio.CancelledError):
    """The process is dead: nothing of it goes on. As a cancellation no use case catches it."""


class SimulatedClock:
    """Implements shared.clock.Clock: virtual time, and how much this machine's clock is wrong."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew: float = 0.0) -> None:
        self._time = loop.time
        self._start = START + timedelta(seconds=skew)

    def now(self) -> datetime:
        """Return what this machine takes for the time."""
        return self._start + timedelta(seconds=self._time())

    def monotonic(self) -> float:
        """Return the virtual seconds."""
        return self._time()

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        await asyncio.sleep(seconds)


class Process:
    """A worker process, or a person's shell; every I/O of the use cases belongs to one."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, skew: float = 0.0) -> None:
        self.name = name
        self.clock = SimulatedClock(loop, skew)
        self.is_alive = True
        self.thaws_at = 0.0  # before then it stands still, and what it sends comes late: a zombie
        self.may_crash = True
        self.on_death: Callable[[], None] = lambda: None
        self._loop = loop
        self._tasks: dict[asyncio.Task[Any], None] = {}  # in order, which a set has not: a history must have one

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start work that ends with the process."""
        task = self._loop.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    def die(self) -> None:
        """End at once: no task goes on, and whatever still tries has no effect."""
        if self.is_alive:
            self.is_alive = False
            for task in list(self._tasks):
                task.cancel()
            self.on_death()

    def check(self) -> None:
        """Raise Died if the process is dead."""
        if not self.is_alive:
            raise Died
