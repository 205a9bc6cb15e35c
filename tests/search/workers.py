"""Workers are the real use cases. What one asks next depends on nothing but the answers that it has had.

A coroutine cannot be copied, but it can be run again with the same answers. `Scripts` keeps for every sequence of
answers what the worker asked next; a state of the search is then plain data, and going on from it costs no rerun.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

from shared.model import Arrival
from tests.fakes.manual_clock import ManualClock
from tests.fakes.world import World
from tests.search.asking import Answer, Ask, Gate, GateDatabricks, GateLanding, GateTable
from tests.search.ready_loop import ReadyLoop
from tests.search.truth import PARTITION

MOST_ALIVE = 200


@dataclass(frozen=True)
class Program:
    """What one worker does."""

    name: str
    run: Callable[[World, Sequence[Arrival]], Awaitable[object]]
    is_event: bool = False  # to finish is to tell Event Grid that it need not come again


@dataclass(frozen=True)
class Setup:
    """What all workers of a search share."""

    rules: str
    seconds: Sequence[float]  # of each phase, since the start
    paths: Sequence[str] = ("landing/crm/a.csv",)  # of the files, all in the same partition
    is_all_shared: bool = False  # whether the other partitions of the rule matter as well

    @cached_property
    def world(self) -> World:
        """Return what every worker's instance is a copy of."""
        return World(self.rules)

    def is_shared(self, partition: str) -> bool:
        """Tell whether what a partition holds is everybody's."""
        return partition == PARTITION or (self.is_all_shared and partition.startswith("crm|"))

    def at(self, phase: int) -> float:
        """Return the time of a phase; after the last one half an hour passes with each."""
        last = len(self.seconds) - 1
        return self.seconds[phase] if phase <= last else self.seconds[last] + 2100 * (phase - last)


class Step:
    """Where a worker stands after a sequence of answers: what it asks next, or that it is done."""

    __slots__ = ("answers", "ask", "children", "failure", "number", "parent", "program", "worker")

    def __init__(self, program: Program, worker: int, parent: Step | None, answers: tuple[int, Answer | None]) -> None:
        self.program = program
        self.worker = worker
        self.parent = parent
        self.answers = answers  # the phase and the answer that led here
        self.children: dict[Hashable, Step] = {}
        self.ask: Ask | None = None
        self.failure: BaseException | None = None
        self.number = 0


class Live:
    """One real instance of the service at work, stopped at its question."""

    def __init__(self, setup: Setup, program: Program, worker: int, phase: int) -> None:
        self._setup = setup
        self._loop = ReadyLoop()
        self._gate = Gate()
        world = copy(setup.world)
        self._clock = world.clock = ManualClock()
        world.landing = GateLanding(world.clock, self._gate)
        arrivals = [world.landing.upload(path) for path in setup.paths]
        world.table = GateTable(self._gate, setup.is_shared, PARTITION)  # type: ignore[assignment]  # it stands in for any table
        world.databricks = GateDatabricks(self._gate)  # type: ignore[assignment]  # and for any Databricks
        world._nonces = itertools.count(1_000_000 * (worker + 1))
        world.restart(setup.rules)
        # Workers draw different numbers, and the same ones when they are run again.
        world.redriver._dispatcher._randomness.seed(worker)
        self._set(phase)
        self._task = self._loop.create_task(_awaited(program.run(world, arrivals)))
        self._loop.run_ready()

    def question(self) -> tuple[Ask | None, BaseException | None]:
        """Return what is asked now; None with the failure, if any, once the worker is done.

        What a worker asks at once is answered in the order in which it was asked.
        """
        if self._task.done():
            return None, self._task.exception()
        if not self._gate.asked:
            raise RuntimeError("a worker waits for something that nobody can give")
        return self._gate.asked[0][0], None

    def resume(self, phase: int, answer: Answer) -> None:
        """Answer the question and let the worker go on to its next one."""
        self._set(phase)
        _, waiting = self._gate.asked.pop(0)
        waiting.set_result(answer)
        self._loop.run_ready()

    def close(self) -> None:
        """End the worker where it stands."""
        self._gate.is_shut = True
        self._task.cancel()
        self._loop.run_ready()

    def _set(self, phase: int) -> None:
        self._clock.advance(self._setup.at(phase) - self._clock.monotonic())


async def _awaited(work: Awaitable[object]) -> None:
    await work


class Scripts:
    """Every worker's questions by the answers it has had."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._roots: dict[tuple[str, int, int], Step] = {}
        self._alive: OrderedDict[int, Live] = OrderedDict()
        self.steps: list[Step] = []

    def close(self) -> None:
        """End all workers that are still there."""
        while self._alive:
            self._alive.popitem()[1].close()

    def begin(self, program: Program, worker: int, phase: int) -> Step:
        """Return the first question of a worker that starts in a phase."""
        place = (program.name, worker, phase)
        if place not in self._roots:
            step = Step(program, worker, None, (phase, None))
            self._roots[place] = step
            self._record(step, Live(self._setup, program, worker, phase))
        return self._roots[place]

    def after(self, step: Step, phase: int, sign: Hashable, answer: Answer) -> Step:
        """Return what a worker asks after it got an answer; `sign` tells the answer from others."""
        child = step.children.get((phase, sign))
        if child is None:
            child = Step(step.program, step.worker, step, (phase, answer))
            step.children[phase, sign] = child
            live = self._alive.pop(step.number, None) or self._again(step)
            live.resume(phase, answer)
            self._record(child, live)
        return child

    def _record(self, step: Step, live: Live) -> None:
        step.ask, step.failure = live.question()
        step.number = len(self.steps)
        self.steps.append(step)
        if step.ask is None:
            return
        self._alive[step.number] = live
        if len(self._alive) > MOST_ALIVE:
            self._alive.popitem(last=False)[1].close()

    def _again(self, step: Step) -> Live:
        """Run a worker again up to where it stood; it must ask the same as it did."""
        path = [step]
        while path[-1].parent is not None:
            path.append(path[-1].parent)
        path.reverse()
        live = Live(self._setup, step.program, step.worker, path[0].answers[0])
        for each in path[1:]:
            phase, answer = each.answers
            assert answer is not None
            live.resume(phase, answer)
        if live.question()[0] != step.ask:
            raise RuntimeError(f"{step.program.name} is not repeatable: it asked {live.question()[0]}, not {step.ask}")
        return live
