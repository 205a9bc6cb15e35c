"""One run of one function: its objects in, its results out, within its time."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from azure.functions.meta import Datum

from localdev.functions_host.app_functions import AppFunction
from localdev.functions_host.context import HostContext, OutputParameter
from localdev.functions_host.converters import converter, encoded
from localdev.functions_host.signature import RETURN
from shared import logs
from shared.clock import Clock

logger = logging.getLogger("landfall_host")

# Which function's run a log record belongs to.
running_function: ContextVar[str] = ContextVar("running_function", default="")


@dataclass(frozen=True, kw_only=True, slots=True)
class Invocation:
    """What became of one run; `seconds` is how long it took."""

    function: str
    invocation_id: str
    seconds: float
    error: BaseException | None = None
    returned: Datum | None = None
    outputs: Mapping[str, Datum]

    @property
    def succeeded(self) -> bool:
        """Tell whether the function ran to its end and its results could be used."""
        return self.error is None


class FunctionTimeout(TimeoutError):
    """The function ran longer than host.json's functionTimeout allows."""


@dataclass(frozen=True, slots=True)
class _Results:
    returned: Datum | None
    outputs: Mapping[str, Datum]

    def by_binding(self) -> Mapping[str, Datum]:
        return {**self.outputs, RETURN: self.returned} if self.returned else self.outputs


# Sends what a function gave to its output bindings, by binding name.
Deliver = Callable[[AppFunction, Mapping[str, Datum]], Awaitable[None]]


class Invoker:
    """Runs functions: `async def` on the event loop, `def` in a pool of `threads` (None: as many as Python likes)."""

    def __init__(self, *, timeout: timedelta | None, threads: int | None, clock: Clock, deliver: Deliver) -> None:
        self._timeout = timeout
        self._clock = clock
        self._deliver = deliver
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="function")

    async def run(self, function: AppFunction, datum: Datum, metadata: Mapping[str, Datum] | None = None) -> Invocation:
        """Run a function with what triggered it and log the outcome in one line; a failure is in the result.

        Only cancellation from outside is raised.
        """
        invocation_id = str(uuid.uuid4())
        token = running_function.set(function.name)
        started = self._clock.monotonic()
        error: BaseException | None = None
        results = _Results(None, {})
        try:
            results = await self._within_time(function, invocation_id, datum, metadata or {})
            await self._deliver(function, results.by_binding())
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - whatever an app raises is that run's failure
            error = raised
        except asyncio.CancelledError as raised:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            error = raised  # the function raised it by itself
        finally:
            running_function.reset(token)
        invocation = Invocation(
            function=function.name,
            invocation_id=invocation_id,
            seconds=self._clock.monotonic() - started,
            error=error,
            returned=results.returned,
            outputs=results.outputs,
        )
        _log(invocation)
        return invocation

    def close(self) -> None:
        """Let go of the threads; one that still runs a function ends with it."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _within_time(
        self, function: AppFunction, invocation_id: str, datum: Datum, metadata: Mapping[str, Datum]
    ) -> _Results:
        limit = self._timeout.total_seconds() if self._timeout else None
        try:
            async with asyncio.timeout(limit) as scope:
                return await self._call(function, invocation_id, datum, metadata)
        except TimeoutError as error:
            if not scope.expired():
                raise  # the function's own
            raise FunctionTimeout(f"it ran longer than functionTimeout allows ({self._timeout})") from error

    async def _call(
        self, function: AppFunction, invocation_id: str, datum: Datum, metadata: Mapping[str, Datum]
    ) -> _Results:
        arguments = _decoded(function, datum, metadata)
        outputs = {name: OutputParameter() for name in function.signature.outputs}
        arguments |= outputs
        if function.signature.wants_context:
            arguments["context"] = HostContext(function.name, function.directory, invocation_id)
        if function.is_async:
            value = await function.user_function(**arguments)
        else:
            run = contextvars.copy_context().run
            loop = asyncio.get_running_loop()
            value = await loop.run_in_executor(self._pool, lambda: run(function.user_function, **arguments))
        return _results(function, value, outputs)


def thread_count(setting: str | None) -> int | None:
    """Return how many threads PYTHON_THREADPOOL_THREAD_COUNT asks for; None, for as many as Python likes, if none."""
    try:
        return max(0, int(setting or "")) or None
    except ValueError:
        return None


def _decoded(function: AppFunction, datum: Datum, metadata: Mapping[str, Datum]) -> dict[str, Any]:
    arguments = {}
    for name, parameter in function.signature.inputs.items():
        found = converter(parameter.binding_type)
        known = metadata if found.has_trigger_support() else {}
        arguments[name] = found.decode(datum, trigger_metadata=known)
    return arguments


def _results(function: AppFunction, value: Any, parameters: Mapping[str, OutputParameter]) -> _Results:
    signature = function.signature
    if value is not None and signature.returned is None:
        # The worker's own words: people search for them.
        raise RuntimeError(f"function {function.name!r} without a $return binding returned a non-None value")
    outputs = {}
    for name, parameter in parameters.items():
        if (given := parameter.get()) is not None:
            declared = signature.outputs[name]
            datum = encoded(declared.binding_type, given, declared.annotation)
            if datum is not None:
                outputs[name] = datum
    if signature.returned is None:
        return _Results(None, outputs)
    return _Results(encoded(signature.returned.binding_type, value, signature.returned.annotation), outputs)


def error_text(error: BaseException) -> str:
    """Return what went wrong as one value for a log line."""
    return f"{type(error).__name__}: {error}"


def _log(invocation: Invocation) -> None:
    if invocation.error is None:
        level, name, problem = logging.INFO, "function.succeeded", None
    else:
        level, name, problem = logging.ERROR, "function.failed", error_text(invocation.error)
    if logger.isEnabledFor(level):
        text = logs.line(
            name,
            function=invocation.function,
            seconds=invocation.seconds,
            invocation=invocation.invocation_id,
            error=problem,
        )
        category = {"category": f"Function.{invocation.function}"}
        logger.log(level, "%s", text, extra=category, exc_info=invocation.error)
