"""The gate: what each fault leaves behind, and what its caller learns."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import pytest

from localdev.memory_table import MemoryTable
from shared.errors import LedgerConflict, LedgerUnavailable
from shared.ledger.table import Create
from tests.simulation.gate import Gate
from tests.simulation.history import History
from tests.simulation.ingredients import Ingredient
from tests.simulation.process import Died, Process
from tests.simulation.table_port import TablePort, WatchedTable
from tests.simulation.virtual_loop import VirtualLoop

ROW = Create("E|1", {"state": "pending"})


class Scene:
    """A table, and a process that is disturbed in one way at every I/O."""

    def __init__(self, *faults: Ingredient) -> None:
        self.loop = VirtualLoop()
        self.history = History(self.loop.time)
        self.gate = Gate(dict.fromkeys(faults, 1.0), random.Random(1), self.history)
        self.shared = WatchedTable()
        self.process = Process("worker", self.loop)
        self.table = TablePort(self.shared, self.process, self.gate)

    @property
    def rows(self) -> MemoryTable:
        """Return what is really in the table."""
        return self.shared.rows

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run work as the process's own."""

        async def main() -> Any:
            try:
                return await self.process.start(work)
            finally:
                await self.process.clock.sleep(200)  # for what comes late

        return self.loop.run(main())


def test_undisturbed_call_takes_effect_and_time() -> None:
    """Without faults a write is there once its caller goes on, a few milliseconds later."""
    scene = Scene()

    async def write() -> float:
        await scene.table.transact("p", [ROW])
        assert scene.rows.find("p", "E|1")
        return scene.loop.time()

    assert 0 < scene.run(write()) < 0.1


def test_rejected_call_has_no_effect() -> None:
    """What is rejected was not done."""
    scene = Scene(Ingredient.REJECT)

    with pytest.raises(LedgerUnavailable):
        scene.run(scene.table.transact("p", [ROW]))

    assert scene.rows.find("p", "E|1") is None


def test_lost_answer_leaves_its_effect() -> None:
    """What was done and not answered raises, and is there."""
    scene = Scene(Ingredient.LOSE_ANSWER)

    with pytest.raises(LedgerUnavailable):
        scene.run(scene.table.transact("p", [ROW]))

    assert scene.rows.find("p", "E|1") is not None


def test_repeated_request_conflicts_with_itself() -> None:
    """A client that repeats what was applied answers with the second's conflict."""
    scene = Scene(Ingredient.REPEAT)

    with pytest.raises(LedgerConflict):
        scene.run(scene.table.transact("p", [ROW]))

    assert scene.rows.find("p", "E|1") is not None


def test_slow_request_takes_effect_after_its_caller_gave_up() -> None:
    """Of many slow requests some are given up and are applied later all the same: zombies."""
    scene = Scene(Ingredient.SLOW)
    there_when_given_up: list[bool] = []

    async def write(number: int) -> None:
        key = f"E|{number}"
        try:
            await scene.table.transact("p", [Create(key, {})])
        except LedgerUnavailable:
            there_when_given_up.append(scene.rows.find("p", key) is not None)

    async def write_many() -> None:
        await asyncio.gather(*(write(number) for number in range(50)))

    scene.run(write_many())

    assert False in there_when_given_up
    assert len(list(scene.rows.rows("p"))) == 50


def test_dead_process_leaves_no_effect_behind() -> None:
    """After its death nothing of a process is done, not even what it wants to clear up."""
    scene = Scene(Ingredient.CRASH)

    async def write() -> None:
        try:
            await scene.table.transact("p", [ROW])
        finally:
            await scene.table.transact("p", [Create("E|2", {})])

    with pytest.raises(asyncio.CancelledError):
        scene.run(write())

    assert not scene.process.is_alive
    assert scene.rows.find("p", "E|2") is None
    with pytest.raises(Died):
        VirtualLoop().run(scene.table.read("p", "E|1"))


def test_other_tasks_of_a_dead_process_end() -> None:
    """A death ends all that the process was doing."""
    scene = Scene()
    reached: list[str] = []

    async def work() -> None:
        await scene.process.clock.sleep(10)
        reached.append("the end")

    async def main() -> None:
        scene.process.start(work())
        await scene.process.clock.sleep(1)
        scene.process.die()
        await scene.process.clock.sleep(60)

    scene.loop.run(main())

    assert reached == []


def test_calm_gate_disturbs_nothing() -> None:
    """In the quiet tail of a history every call succeeds."""
    scene = Scene(Ingredient.REJECT)
    scene.gate.is_calm = True

    scene.run(scene.table.transact("p", [ROW]))

    assert scene.rows.find("p", "E|1") is not None
