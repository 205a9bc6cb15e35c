"""The gate that every I/O of every process passes: it is delayed, refused, lost, repeated, or kills its process."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from shared.errors import LandfallError
from tests.simulation.history import History
from tests.simulation.ingredients import Ingredient
from tests.simulation.process import Died, Process

_T = TypeVar("_T")

DATABRICKS = "databricks"
LONGEST_DELAY = 90.0  # seconds
LONGEST_LATENCY = 0.04
_REJECT, _LOSE, _REPEAT, _SLOW, _CRASH_BEFORE, _CRASH_AFTER, _FREEZE = range(7)
_FATES = ("reject", "lose", "repeat", "slow", "crash-before", "crash-after", "freeze")


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """How the client of a service fails."""

    service: str
    seconds: float  # after which it gives a request up
    rejected: Callable[[], LandfallError]  # what it raises where nothing was done
    unanswered: Callable[[], LandfallError]  # and where something may have been


class Gate:
    """Decides about every I/O, by the seed."""

    def __init__(self, rates: dict[Ingredient, float], chance: random.Random, history: History) -> None:
        crash = rates.get(Ingredient.CRASH, 0.0) / 2
        share = [rates.get(which, 0.0) for which in (Ingredient.REJECT, Ingredient.LOSE_ANSWER, Ingredient.REPEAT)]
        share += [rates.get(Ingredient.SLOW, 0.0), crash, crash, rates.get(Ingredient.FREEZE, 0.0)]
        self._chance = chance
        self._limits = list(accumulate(share))
        self._history = history
        self._lag = {DATABRICKS: rates.get(Ingredient.SLUGGISH, 0.0)}  # seconds
        self.is_calm = False  # the quiet tail: no faults any more
        self.down: set[str] = set()  # services

    async def call(
        self,
        process: Process,
        client: Client,
        name: str,
        effect: Callable[[], _T],
        *,
        writes: bool = False,
        subject: str = "",
        seconds: float | None = None,
    ) -> _T:
        """Do one I/O of a process: `effect` happens at one moment, or not at all, whatever the process learns of it."""
        process.check()
        random_ = self._chance.random
        if process.thaws_at:
            await self._thaw(process)
        if client.service in self.down:
            await asyncio.sleep(random_() * 0.2)
            self._history.hits[f"{client.service} down"] += 1
            raise client.rejected()
        fate = -1 if self.is_calm else bisect_right(self._limits, random_())
        if 0 <= fate < len(_FATES):
            if fate >= _CRASH_BEFORE and not process.may_crash:
                fate = _REJECT
            self._history.hits[f"{name} {_FATES[fate]}"] += 1
            self._history.record(process.name, f"{name} {_FATES[fate]}", subject)
            limit = client.seconds if seconds is None else min(client.seconds, seconds)
            return await self._disturbed(fate, process, client, effect, writes=writes, limit=limit)
        lag = 0.0 if self.is_calm else self._lag.get(client.service, 0.0)
        await self._travel(random_() * LONGEST_LATENCY + lag, effect, writes=writes)
        process.check()
        if writes:
            self._history.record(process.name, name, subject)
        result = effect()
        if random_() < 0.3:
            await asyncio.sleep(random_() * LONGEST_LATENCY)
        return result

    async def _thaw(self, process: Process) -> None:
        wait = process.thaws_at - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)

    async def _travel(self, seconds: float, effect: Callable[[], object], *, writes: bool) -> None:
        """Wait while the request is on its way; whoever is cancelled meanwhile may have sent it all the same."""
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if writes and not self.is_calm and self._chance.random() < 0.5:
                self._later(self._chance.random() * 5, effect)
            raise

    def _later(self, seconds: float, effect: Callable[[], object]) -> None:
        def happen() -> None:
            self._history.hits["zombie request"] += 1
            self._history.record("network", "zombie request")
            with suppress(LandfallError):
                effect()

        asyncio.get_running_loop().call_later(seconds, happen)

    async def _disturbed(
        self, fate: int, process: Process, client: Client, effect: Callable[[], _T], *, writes: bool, limit: float
    ) -> _T:
        latency = self._chance.random() * 0.2
        if fate == _SLOW:
            return await self._slow(client, effect, writes=writes, limit=limit)
        if fate == _FREEZE:
            seconds = self._chance.random() * LONGEST_DELAY
            process.thaws_at = asyncio.get_running_loop().time() + seconds
            await asyncio.sleep(seconds)
            process.check()
            return effect()
        await asyncio.sleep(min(latency, limit))
        process.check()
        if fate == _REJECT:
            raise client.rejected()
        if fate == _CRASH_BEFORE:
            process.die()
            raise Died
        if fate == _REPEAT:
            with suppress(LandfallError):
                effect()
            await self._travel(latency, effect, writes=False)
            process.check()
            return effect()
        with suppress(LandfallError):
            effect()
        if fate == _CRASH_AFTER:
            process.die()
            raise Died
        await asyncio.sleep(latency)
        raise client.unanswered()

    async def _slow(self, client: Client, effect: Callable[[], _T], *, writes: bool, limit: float) -> _T:
        seconds = self._chance.random() * LONGEST_DELAY
        if self._chance.random() < 0.5:
            seconds = min(seconds, self._chance.random() * 10)
        if seconds < limit:
            await self._travel(seconds, effect, writes=writes)
            return effect()
        if writes:
            self._later(seconds, effect)
        await asyncio.sleep(limit)
        raise client.unanswered()
