"""Instances of the whole service over one table, and how they are made to run, meet, die and stand still."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shared import logs
from shared.errors import LandfallError, LedgerConflict
from tests.fakes.manual_clock import ManualClock
from tests.fakes.memory_dead_letters import MemoryDeadLetters
from tests.fakes.memory_landing import MemoryLanding
from tests.fakes.memory_queue import MemoryQueue
from tests.fakes.world import World
from tests.machine.hazards import Crash, HazardousDatabricks, HazardousTable, Hazards
from tests.machine.witness import WatchedTable
from tests.machine.workspace import Workspace

SETTINGS = {
    "RECONCILE_LOOK_BACK": "6h",
    "LEDGER_RETENTION": "12h",
    "SWEEP_DEEP_EVERY": "1h",
    "DATABRICKS_WEBHOOK_SECRET": "secret",
}
IDLE_TURNS = 60  # of the loop, after which nothing goes on any more but what stands still


@dataclass(slots=True)
class Common:
    """What all instances share: everything but their memory."""

    clock: ManualClock
    table: WatchedTable
    landing: MemoryLanding
    queue: MemoryQueue
    dead_letters: MemoryDeadLetters
    databricks: Workspace

    @classmethod
    def new(cls) -> Common:
        """Return an empty world."""
        clock = ManualClock()
        return cls(
            clock, WatchedTable(), MemoryLanding(clock), MemoryQueue(), MemoryDeadLetters(clock), Workspace(clock)
        )


class Instance(World):
    """One process of the service; `hazards` is what it meets."""

    def __init__(self, common: Common, nonces: itertools.count[int], reached: Counter[str], seed: int) -> None:
        super().__init__(**SETTINGS)
        self.clock, self.landing, self.queue = common.clock, common.landing, common.queue
        self.dead_letters = common.dead_letters
        self._common, self._nonces, self._reached = common, nonces, reached
        self._chance = random.Random(seed)
        self.hazards = Hazards(reached, self._chance)

    def begin(self, rules: str) -> None:
        """Start as a new process; the former one is gone, with all that it had in hand."""
        self.hazards.kill()
        plan = self.hazards.plan
        self.hazards = Hazards(self._reached, self._chance)
        self.hazards.plan = plan
        self.table = HazardousTable(self._common.table, self.hazards)  # type: ignore[assignment]  # any table will do
        self.databricks = HazardousDatabricks(self._common.databricks, self.hazards, self.clock)  # type: ignore[assignment]  # and any Databricks
        self.restart(rules)


@dataclass(slots=True)
class Step:
    """Something that an instance does; `done` is told whether it went well."""

    of: Instance
    work: Coroutine[Any, Any, Any]
    done: Callable[[bool], None] = lambda _: None


class Defects(logging.Handler):
    """Collects what the service caught and no fault explains: a KeyError in one entry must not stay unseen."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one line."""
        text = record.getMessage()
        if "Error(" in text or "invariant.broken" in text:
            self.seen.append(text)


class Fleet:
    """The instances, and the loop that they share."""

    def __init__(self, seed: int, instances: int = 2) -> None:
        self.common = Common.new()
        self.reached: Counter[str] = Counter()
        nonces = itertools.count()
        self.instances = [Instance(self.common, nonces, self.reached, seed + number) for number in range(instances)]
        self.rules = ""
        self.defects = Defects()
        logs.logger.addHandler(self.defects)
        self._level, self._propagates = logs.logger.level, logs.logger.propagate
        logs.logger.setLevel(logging.ERROR)
        logs.logger.propagate = False
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _loop, _context: None)  # of tasks whose process is gone
        self._waiting: list[tuple[asyncio.Task[Any], Step]] = []  # what stands still

    def redeploy(self, rules: str) -> None:
        """Start every instance anew with these rules."""
        self.rules = rules
        for instance in self.instances:
            instance.begin(rules)
        self._finish(self._loop.run_until_complete(self._drive(self._waiting)))

    def run(self, *steps: Step) -> None:
        """Let steps happen at once; returns when they are over, or stand still. Raises what nobody expects."""
        self._finish(self._loop.run_until_complete(self._begin(steps)))

    def wake(self) -> bool:
        """Let everything go on that stands still; tell whether there was anything."""
        was_any = bool(self._waiting)
        for instance in self.instances:
            instance.hazards.wake()
        self._finish(self._loop.run_until_complete(self._drive(self._waiting)))
        return was_any

    def close(self) -> None:
        """End everything, and the loop."""
        for instance in self.instances:
            instance.hazards.kill()
        with suppress(Exception):
            self._loop.run_until_complete(self._drive(self._waiting))
        self._loop.run_until_complete(_cancel_others())
        self._loop.close()
        logs.logger.removeHandler(self.defects)
        logs.logger.setLevel(self._level)
        logs.logger.propagate = self._propagates

    async def _begin(self, steps: tuple[Step, ...]) -> list[tuple[asyncio.Task[Any], Step]]:
        begun = [(asyncio.get_running_loop().create_task(step.work), step) for step in steps]
        return await self._drive([*self._waiting, *begun])

    async def _drive(self, running: list[tuple[asyncio.Task[Any], Step]]) -> list[tuple[asyncio.Task[Any], Step]]:
        """Let the loop turn until all is over but what stands still; return what is over."""
        idle, calls = 0, -1
        while idle < IDLE_TURNS:
            await asyncio.sleep(0)
            are_stalled = any(instance.hazards.stalled for instance in self.instances)
            if all(task.done() for task, _ in running) and not are_stalled:
                break
            now = sum(instance.hazards.calls for instance in self.instances)
            idle, calls = (idle + 1, calls) if now == calls and are_stalled else (0, now)
        self._waiting = [(task, step) for task, step in running if not task.done()]
        if not self._waiting:
            await _cancel_others()
        return [(task, step) for task, step in running if task.done()]

    def _finish(self, over: list[tuple[asyncio.Task[Any], Step]]) -> None:
        unexpected: list[BaseException] = []
        for task, step in over:
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            step.done(error is None)
            if error is None:
                continue
            self.reached[f"ended by {type(error).__name__}"] += 1
            if not isinstance(error, LandfallError | LedgerConflict | Crash | asyncio.CancelledError):
                unexpected.append(error)
        for instance in self.instances:
            if instance.hazards.is_dead:
                instance.begin(self.rules)
        if unexpected:
            raise unexpected[0]


async def _cancel_others() -> None:
    """End the tasks that a process has left behind."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
