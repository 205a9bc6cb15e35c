"""An event loop whose time is virtual: instead of waiting it jumps to the next timer. One thread, no sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class Deadlock(Exception):
    """Nothing is ready and no timer is set: nothing would ever happen again."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs tasks as asyncio does, in virtual seconds from 0 on.

    All that a task may wait for is a timer or another task, so that a history depends on nothing but its seed. What
    asyncio itself builds on `time` and `call_at` (sleep, timeout, wait_for) agrees.
    """

    _scheduled: list[asyncio.TimerHandle]  # BaseEventLoop's own heap of timers

    def __init__(self) -> None:
        super().__init__()
        self._virtual_now = 0.0
        self._selector = self  # of which BaseEventLoop asks `select` and nothing else

    def time(self) -> float:
        """Return the virtual time."""
        return self._virtual_now

    def select(self, timeout: float | None) -> list[object]:
        """Let the time pass that the loop would wait; no file ever becomes ready."""
        if timeout is None:
            raise Deadlock("every task waits for another, and no timer is set")
        if timeout > 0:
            # The timer's own time, not now + timeout: sums of floats would fall short of it.
            self._virtual_now = max(self._virtual_now, self._scheduled[0].when())
        return []

    def run(self, main: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end, forget what still waits, and close the loop."""
        try:
            return self.run_until_complete(main)
        finally:
            for task in asyncio.all_tasks(self):
                task.cancel()
            self._scheduled.clear()
            self.run_until_complete(self._let_go())
            self.close()

    @staticmethod
    async def _let_go() -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    def _process_events(self, event_list: list[object]) -> None:
        """Do nothing: there are no files."""

    def _write_to_self(self) -> None:
        """Do nothing: no other thread is there to wake us."""

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        """Leave a generator that was dropped half way as it is: when it is collected must not change the history."""
