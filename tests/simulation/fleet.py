"""The function app: instances that come and go, their timer, and the queue between them."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from shared import wiring
from shared.clock import Deadline
from shared.errors import LandfallError, LedgerError, QueueUnavailable
from shared.ledger import Backfills, Bookkeeping, Budgets, Entries, OldRows, Rounds
from shared.rule_book import ShippedRules
from shared.rules import Rules
from shared.settings import Settings
from shared.use_cases import Collaborators, UseCases, compose
from tests.fakes.memory_dead_letters import MemoryDeadLetters
from tests.simulation.blobs import Blobs, BlobsPort
from tests.simulation.gate import Client, Gate
from tests.simulation.history import History
from tests.simulation.ingredients import Ingredient
from tests.simulation.process import Process
from tests.simulation.rule_texts import Document, parsed
from tests.simulation.scenario import Scenario
from tests.simulation.table_port import TablePort, WatchedTable
from tests.simulation.workspace import Workspace
from tests.simulation.workspace_port import WorkspacePort

QUEUE = Client(
    service="queue",
    seconds=19.0,
    rejected=lambda: QueueUnavailable("Could not send to the queue."),
    unanswered=lambda: QueueUnavailable("The queue did not answer."),
)
_RECEIVED_AGAIN_AFTER, _MOST_RECEIVED = 30.0, 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What all instances share."""

    table: WatchedTable
    workspace: Workspace
    blobs: Blobs
    dead_letters: MemoryDeadLetters | None
    gate: Gate
    settings: Settings
    history: History


class Instance:
    """One worker process with the whole service in it."""

    def __init__(
        self, name: str, services: Services, document: Document, chance: random.Random, queue: QueuePortOf, skew: float
    ) -> None:
        loop = asyncio.get_running_loop()
        self.process = Process(name, loop, skew)
        self.document = document
        self._settings = services.settings
        self._history = services.history
        self.cases = _composed(self.process, services, parsed(document), chance, queue(self.process))

    def rules(self) -> Rules:
        """Return the rules that this instance follows."""
        return parsed(self.document)

    def receive(self, body: str) -> asyncio.Task[None]:
        """Start what functions/on_blob_event.py does."""
        return self.process.start(self._receive(body))

    async def _receive(self, body: str) -> None:
        deadline = Deadline(self.process.clock, self._settings.dispatch_budget.total_seconds())
        claims = await self.cases.intake.receive(body, deadline)
        await self.cases.redriver.lend_a_hand(claims, deadline)
        await self.cases.gatherer.lend_a_hand(claims, deadline)
        await self.cases.backfiller.lend_a_hand(deadline)

    async def reconcile(self) -> None:
        """Do what functions/on_reconcile_timer.py does."""
        try:
            await self.cases.reconciler.run()
        except LedgerError:
            self._history.hits["pass without a ledger"] += 1
        else:
            self._history.hits["pass"] += 1


QueuePortOf = Callable[[Process], "QueuePort"]


class QueuePort:
    """Implements shared.shard_queue.ShardQueue for one process."""

    def __init__(self, process: Process, gate: Gate, put: Callable[[str], None]) -> None:
        self._process = process
        self._gate = gate
        self._put = put

    async def send(self, messages: Sequence[str]) -> None:
        """Put every message into the queue; see ShardQueue."""
        for message in messages:
            await self._gate.call(self._process, QUEUE, "queue.send", partial(self._put, message), writes=True)

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


class Fleet:
    """Keeps instances running."""

    def __init__(self, scenario: Scenario, services: Services, document: Document, chance: random.Random) -> None:
        self._scenario = scenario
        self._services = services
        self._chance = chance
        self._numbers = itertools.count(1)
        self._instances: list[Instance | None] = [None] * scenario.instances
        self._passes: set[asyncio.Task[None]] = set()
        self.document = document
        self.is_calm = False
        self.timer_is_dead = False
        self.timer_every = scenario.timer_every
        self.passes = 0  # that ended
        for slot in range(scenario.instances):
            self._start(slot)

    def pick(self) -> Instance | None:
        """Return an instance that is alive, None where there is none just now."""
        alive = [each for each in self._instances if each is not None and each.process.is_alive]
        return self._chance.choice(alive) if alive else None

    def deploy(self, document: Document, within: float) -> None:
        """Replace every instance, one after the other, by one that follows these rules."""
        self.document = document
        self._services.history.record("people", "deploy")
        loop = asyncio.get_running_loop()
        for slot in range(len(self._instances)):
            loop.call_later(self._chance.random() * within, self._replace, slot)

    async def tick(self) -> None:
        """Run the timer for ever: one pass at a time, unless it is the kind of timer that does otherwise."""
        scenario = self._scenario
        while True:
            late = 0.0 if self.is_calm else self._chance.random() * scenario.rate(Ingredient.TIMER_LATE)
            await asyncio.sleep(self.timer_every + late)
            if self.timer_is_dead:
                self._services.history.hits["timer dead"] += 1
                continue
            is_doubled = not self.is_calm and self._chance.random() < scenario.rate(Ingredient.TIMER_DOUBLE)
            if self._passes and not is_doubled:
                continue
            self.start_pass()
            if is_doubled:
                self._services.history.hits["timer doubled"] += 1
                self.start_pass()

    def start_pass(self) -> asyncio.Task[None] | None:
        """Open the timer's door of an instance."""
        instance = self.pick()
        if instance is None:
            return None
        task = instance.process.start(instance.reconcile())
        self._passes.add(task)
        task.add_done_callback(self._ended)
        return task

    def put(self, message: str) -> None:
        """Take a message into the queue."""
        self._later(message, 1)

    def _later(self, message: str, times: int) -> None:
        wait = self._chance.random() if times == 1 else _RECEIVED_AGAIN_AFTER
        asyncio.get_running_loop().call_later(wait, self._hand_over, message, times)

    def _hand_over(self, message: str, times: int) -> None:
        asyncio.get_running_loop().create_task(self._work_on(message, times))

    async def _work_on(self, message: str, times: int) -> None:
        instance = self.pick()
        is_done = False
        if instance is not None:
            self._services.history.hits["queue message"] += 1
            task = instance.process.start(instance.cases.sweeper.work_on(message))
            await asyncio.wait({task})
            is_done = not task.cancelled() and not isinstance(task.exception(), LandfallError)
            if is_done and task.exception() is not None:
                self._services.history.violated("crashed", f"the queue's door raised {task.exception()!r}")
        if not is_done and times < _MOST_RECEIVED:
            self._later(message, times + 1)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._passes.discard(task)
        if task.cancelled():
            return
        self.passes += 1
        if task.exception() is not None:
            self._services.history.violated("crashed", f"a pass raised {task.exception()!r}")

    def _died(self, slot: int, instance: Instance) -> None:
        if self._instances[slot] is instance:
            self._services.history.hits["crash"] += 1
            self._instances[slot] = None
            asyncio.get_running_loop().call_later(self._chance.uniform(0.5, 20), self._start, slot)

    def _replace(self, slot: int) -> None:
        instance = self._instances[slot]
        if instance is not None:
            self._instances[slot] = None
            # The platform gives a worker ten seconds for what it has begun.
            asyncio.get_running_loop().call_later(10.0, instance.process.die)
            self._start(slot)

    def _start(self, slot: int) -> None:
        number = next(self._numbers)
        skew = self._scenario.rate(Ingredient.SKEW) * self._chance.uniform(-1, 1)
        services = self._services
        instance = Instance(
            f"worker {number}",
            services,
            self.document,
            random.Random(self._chance.random()),
            lambda process: QueuePort(process, services.gate, self.put),
            skew,
        )
        instance.process.on_death = partial(self._died, slot, instance)
        self._instances[slot] = instance


def _composed(process: Process, services: Services, rules: Rules, chance: random.Random, queue: QueuePort) -> UseCases:
    table = TablePort(services.table, process, services.gate)
    numbers = itertools.count(1)

    def new_id() -> str:
        return f"{process.name.replace(' ', '-')}-{next(numbers)}"

    return compose(
        Collaborators(
            settings=services.settings,
            rule_book=ShippedRules(rules, "rules.yaml"),
            clock=process.clock,
            entries=Entries(table, new_id),
            bookkeeping=Bookkeeping(table),
            budgets=Budgets(table, new_id),
            old_rows=OldRows(table),
            rounds=Rounds(table),
            backfills=Backfills(table, new_id),
            queue=queue,
            dead_letters=services.dead_letters,
            landing=BlobsPort(services.blobs, process, services.gate),
            databricks=WorkspacePort(services.workspace, process, services.gate),
            locations=wiring.locations(services.settings.landing),
            randomness=chance,
            new_id=new_id,
        )
    )
