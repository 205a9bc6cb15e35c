"""Work under way that a stopping host lets finish."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_Value = TypeVar("_Value")


class InFlight:
    """Tasks that outlive whoever started them, until `drain`."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, _Value]) -> asyncio.Task[_Value]:
        """Start the work in a task of its own."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, work: Coroutine[Any, Any, _Value]) -> _Value:
        """Do the work to its end even when the caller is cancelled meanwhile."""
        return await asyncio.shield(self.start(work))

    async def drain(self, grace: float) -> int:
        """Wait up to `grace` seconds for what is under way, cancel the rest, and return how many that were."""
        deadline = asyncio.get_running_loop().time() + grace
        while self._tasks and (seconds := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=seconds)  # one may start another
        late = set(self._tasks)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1)  # one that will not be cancelled ends with the process
        return len(late)
