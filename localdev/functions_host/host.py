"""The embedded host: an app's functions, ready to be invoked, and their timers and queues once it is started."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from localdev.functions_host.app_functions import QUEUE, QUEUE_OUTPUT, TIMER, AppFunction
from localdev.functions_host.app_settings import placed_in_environment, settings_in_force
from localdev.functions_host.datums import timer_datum
from localdev.functions_host.errors import FunctionInError, FunctionNotFound
from localdev.functions_host.host_options import read_host_options
from localdev.functions_host.http_requests import body_limit
from localdev.functions_host.in_flight import InFlight
from localdev.functions_host.indexing import importable, index_app
from localdev.functions_host.invocation import Invocation, Invoker, thread_count
from localdev.functions_host.queue_listener import QueueListener
from localdev.functions_host.queue_sender import QueueSender
from localdev.functions_host.schedule_status import ScheduleStatusStore, StatusFolder, StatusMemory
from localdev.functions_host.schedules import parse_schedule
from localdev.functions_host.timer_listener import Timer, TimerListener
from shared import logs
from shared.clock import Clock, SystemClock

if TYPE_CHECKING:
    from azure.functions.meta import Datum

logger = logging.getLogger("landfall_host")


class EmbeddedHost:
    """Indexes the app in a folder, and invokes its functions with genuine azure-functions objects.

    Settings go into os.environ before the import, where what is there already wins, until `close`. The constructor
    raises ConfigurationError or AppNotLoadable. Timers and queues run between `start` and `stop` only, and only then
    are queue outputs sent; `invoke` works at any time.
    """

    def __init__(
        self,
        app: Path | str,
        settings: Mapping[str, str] | None = None,
        *,
        state: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        folder = Path(app).resolve()
        values = settings or {}
        self.in_flight = InFlight()
        self._clock = clock or SystemClock()
        self._settings = settings_in_force(values, os.environ)
        self.options = read_host_options(folder / "host.json", self._settings.values)
        with contextlib.ExitStack() as resources:
            resources.enter_context(placed_in_environment(values))
            resources.enter_context(importable(folder, self._settings))
            found = index_app(folder, self._settings, only=self.options.functions)
            self.functions = {function.name: function for function in found}
            self._invoker = Invoker(
                timeout=self.options.function_timeout,
                threads=thread_count(self._settings.get("PYTHON_THREADPOOL_THREAD_COUNT")),
                clock=self._clock,
                deliver=self._deliver,
            )
            resources.callback(self._invoker.close)
            self._resources = resources.pop_all()
        self.body_limit = body_limit(self._settings.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"))
        self._statuses: ScheduleStatusStore = StatusFolder(state) if state else StatusMemory()
        self._sender: QueueSender | None = None
        self._listeners: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the settings out of the environment again and let the threads go; safe to repeat."""
        self._resources.close()

    async def invoke(self, name: str, datum: Datum, metadata: Mapping[str, Datum] | None = None) -> Invocation:
        """Run a function with what would have triggered it (module `datums`); its failure is in the result.

        Raises FunctionNotFound or FunctionInError.
        """
        return await self.run(self.function(name), datum, metadata)

    def function(self, name: str) -> AppFunction:
        """Return a function that can run; raises FunctionNotFound or FunctionInError."""
        function = self.functions.get(name)
        if function is None:
            known = ", ".join(self.functions) or "none"
            raise FunctionNotFound(f"The app has no function {name!r}.", hint=f"It has: {known}.")
        if function.problem:
            raise FunctionInError(f"The function {name} cannot run: {function.problem}.")
        return function

    async def run(self, function: AppFunction, datum: Datum, metadata: Mapping[str, Datum] | None = None) -> Invocation:
        """Run a function of this host."""
        return await self._invoker.run(function, datum, metadata)

    def manual_timer_datum(self, function: AppFunction) -> Datum:
        """Return what a timer that somebody starts by hand is told: its status as it stands."""
        timer = self._timer(function)
        status = None
        if timer.store:
            with contextlib.suppress(ValueError):  # the listener has logged it
                status = timer.store.read(function.name)
        return timer_datum(timer.schedule, status, past_due=False)

    async def start(self) -> None:
        """Start the timers and queues, and log which functions cannot run."""
        self._sender = QueueSender(self._settings, self.options.queues.message_encoding)
        for function in self.functions.values():
            if function.problem:
                logger.error("%s", logs.line("function.in_error", function=function.name, problem=function.problem))
            elif function.disabled:
                logger.warning("%s", logs.line("function.disabled", function=function.name))
            elif function.trigger_type in {TIMER, QUEUE}:
                self._listeners.append(asyncio.create_task(self._listen(function)))

    def quiesce(self) -> None:
        """Let no timer and no queue start anything more; safe to repeat."""
        for listener in self._listeners:
            if not listener.cancelling():  # a second time would end what it still waits for
                listener.cancel()

    async def stop(self, grace: float = 5.0) -> None:
        """Start nothing more, let what runs finish within `grace` seconds, and close; safe to repeat."""
        self.quiesce()
        if cancelled := await self.in_flight.drain(grace):
            logger.warning("%s", logs.line("host.cut_short", runs=cancelled, seconds=grace))
        if self._listeners:
            await asyncio.wait(self._listeners)
        self._listeners.clear()
        if self._sender:
            await self._sender.close()
        self._sender = None
        self.close()

    async def _listen(self, function: AppFunction) -> None:
        try:
            await (self._queue_listener(function) if function.trigger_type == QUEUE else self._timer_listener(function))
        except Exception:
            # One listener's defect must not take the rest of the host with it, nor go unsaid.
            logger.exception("%s", logs.line("listener.died", function=function.name))

    def _timer_listener(self, function: AppFunction) -> Coroutine[Any, Any, None]:
        async def run(datum: Datum) -> None:
            await self.run(function, datum)

        listener = TimerListener(self._timer(function), run=run, in_flight=self.in_flight, clock=self._clock)
        return listener.listen()

    def _timer(self, function: AppFunction) -> Timer:
        schedule = parse_schedule(str(function.trigger["schedule"]))
        monitored = function.trigger.get("useMonitor") is not False and schedule.may_be_monitored
        return Timer(
            function=function.name,
            schedule=schedule,
            run_on_startup=function.trigger.get("runOnStartup") is True,
            store=self._statuses if monitored else None,
        )

    def _queue_listener(self, function: AppFunction) -> Coroutine[Any, Any, None]:
        connection = self._settings.usable_connection(str(function.trigger.get("connection") or ""))

        async def run(datum: Datum, metadata: Mapping[str, Datum]) -> bool:
            return (await self.run(function, datum, metadata)).succeeded

        listener = QueueListener(
            connection,
            str(function.trigger["queueName"]),
            options=self.options.queues,
            run=run,
            in_flight=self.in_flight,
            clock=self._clock,
        )
        return listener.listen()

    async def _deliver(self, function: AppFunction, outputs: Mapping[str, Datum]) -> None:
        if self._sender is None:
            return
        for binding in function.bindings:
            if binding["type"] == QUEUE_OUTPUT and (datum := outputs.get(str(binding["name"]))):
                await self._sender.send(binding, datum)
