"""Contenders in processes of their own, which work when they are told to and say what it took."""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any


@dataclass(frozen=True, slots=True)
class Turn:
    """One piece of work."""

    wall: float  # seconds
    cpu: float  # seconds of this process, all threads
    peak_mb: float  # of this process, since it began
    answer: Any  # what the work came to, to be checked


class Contender:
    """One way of doing something; `work` must be importable, a partial of it will do."""

    def __init__(self, name: str, work: Callable[[], Awaitable[Any]]) -> None:
        self.name = name
        self.turns: list[Turn] = []
        self._pipe, theirs = multiprocessing.Pipe()
        start = multiprocessing.get_context("spawn").Process
        self._process = start(target=_work, args=[work, theirs], daemon=True)
        self._process.start()
        theirs.close()  # so that its death is an end of file and no wait for ever

    def run(self) -> Turn:
        """Do the work once; raises EOFError when it failed, and stderr says how."""
        self._pipe.send("go")
        turn: Turn = self._pipe.recv()
        return turn

    def stop(self) -> None:
        """End the process."""
        self._pipe.send("")
        self._process.join()


def in_turns(
    rounds: int,
    contenders: Sequence[Contender],
    check: Callable[[Contender, Turn], None],
    before: Callable[[Contender], None] = lambda _: None,
) -> None:
    """Let all work in every round, each round beginning with another one; the first round only warms up.

    `before` is called ahead of each turn, `check` after it; it raises when the answer is wrong.
    """
    for number in range(-1, rounds):
        shift = max(0, number) % len(contenders)
        for contender in [*contenders[shift:], *contenders[:shift]]:
            before(contender)
            turn = contender.run()
            if number >= 0:
                check(contender, turn)
                contender.turns.append(turn)
    for contender in contenders:
        contender.stop()


def _work(work: Callable[[], Awaitable[Any]], orders: Connection) -> None:
    while orders.recv():
        wall, cpu = time.perf_counter(), time.process_time()
        answer = asyncio.run(_awaited(work))
        spent = time.perf_counter() - wall, time.process_time() - cpu
        orders.send(Turn(*spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, answer))


async def _awaited(work: Callable[[], Awaitable[Any]]) -> Any:
    return await work()
