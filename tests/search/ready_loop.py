"""An event loop without waiting: it runs what is ready and stops. One real coroutine is driven by it, step by step."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, cast


class ReadyLoop:
    """Runs callbacks in the order they were asked for; time stands still, so timers never go off.

    Has those methods of an event loop that coroutines use which do no I/O of their own.
    """

    def __init__(self) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self._as_loop = cast("asyncio.AbstractEventLoop", self)

    def run_ready(self) -> None:
        """Run until nothing is ready: whoever is not finished then waits for an answer from outside."""
        asyncio._set_running_loop(self._as_loop)
        try:
            while self._ready:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            asyncio._set_running_loop(None)

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """Run a callback after all that is ready now."""
        handle = asyncio.Handle(callback, args, self._as_loop, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Return a timer that never goes off: that an answer takes too long is an answer of its own here."""
        return asyncio.TimerHandle(when, callback, args, self._as_loop, context)

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Return a timer that never goes off."""
        return self.call_at(delay, callback, *args, context=context)

    def time(self) -> float:
        """Return no time at all."""
        return 0.0

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self._as_loop)

    def create_task(self, coro: Coroutine[Any, Any, Any], **named: Any) -> asyncio.Task[Any]:
        """Return a task that begins at the next turn."""
        return asyncio.Task(coro, loop=self._as_loop, **named)

    def get_debug(self) -> bool:
        """Tell that nobody debugs."""
        return False

    def is_running(self) -> bool:
        """Tell that the loop can be used."""
        return True

    def is_closed(self) -> bool:
        """Tell that the loop can be used."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Do nothing: tasks of crashed workers are dropped unfinished, on purpose."""

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: there is no line of timers."""
