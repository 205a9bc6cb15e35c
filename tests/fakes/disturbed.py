"""What a service calls, disturbed: a call fails, kills its process or stalls, before its effect or after it."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

# Of others that may go first, in turns; a few calls take very much longer than most.
SLOWEST, STRAGGLERS, SLOWEST_STRAGGLER = 4, 0.05, 120
NoAnswer = Callable[[str], Exception]


class Killed(BaseException):
    """The process was killed: nobody in it catches this."""


class Fate(Enum):
    """What happens at a call."""

    KILLED = auto()  # all later calls of the process fail too
    NO_ANSWER = auto()
    STALLED = auto()  # until `go`


@dataclass
class Disturbance:
    """What happens to the calls of one process; each call counts, whatever it calls."""

    at: int = 0  # the call that something happens to, from 1; 0: none
    after: bool = False  # it happens when the call has had its effect
    fate: Fate = Fate.KILLED
    chance: random.Random | None = None  # others go first, before a call and before its answer
    calls: int = 0
    names: list[str] = field(default_factory=list)
    killed: bool = False
    reached: asyncio.Event = field(default_factory=asyncio.Event)  # the call that stalls
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def disturb(self, behind: Any, no_answer: NoAnswer) -> Any:
        """Return what does as that which is behind, disturbed; `no_answer` is what it raises when there is none."""
        return _Disturbed(behind, self, no_answer)

    async def before(self, name: str, no_answer: NoAnswer) -> bool:
        """Count a call, and let happen what happens before it; return whether something is to happen after it."""
        await self.wait()
        if self.killed:
            raise Killed
        self.calls += 1
        self.names.append(name)
        if self.calls == self.at and not self.after:
            await self.strike(no_answer)
        return self.calls == self.at and self.after

    async def strike(self, no_answer: NoAnswer) -> None:
        """Let it happen."""
        if self.fate is Fate.STALLED:
            self.reached.set()
            await self.go.wait()
            return
        self.killed = self.fate is Fate.KILLED
        raise Killed if self.killed else no_answer("no answer")

    async def wait(self) -> None:
        """Let others go first, a few times."""
        for _ in range(self._turns()):
            await asyncio.sleep(0)

    def _turns(self) -> int:
        if self.chance is None:
            return 1
        is_straggler = self.chance.random() < STRAGGLERS
        return self.chance.randrange(SLOWEST_STRAGGLER if is_straggler else SLOWEST)


class _Disturbed:
    def __init__(self, behind: Any, disturbance: Disturbance, no_answer: NoAnswer) -> None:
        self._behind = behind
        self._disturbance = disturbance
        self._no_answer = no_answer

    def __getattr__(self, name: str) -> Any:
        """Return what is behind, disturbed where it is awaited."""
        found = getattr(self._behind, name)
        if inspect.iscoroutinefunction(found):
            return self._call(name, found)
        return self._walk(name, found) if inspect.isasyncgenfunction(found) else found

    def _call(self, name: str, call: Any) -> Any:
        async def disturbed(*arguments: Any, **named: Any) -> Any:
            strikes = await self._disturbance.before(name, self._no_answer)
            answer = await call(*arguments, **named)
            await self._disturbance.wait()
            if strikes:
                await self._disturbance.strike(self._no_answer)
            return answer

        return disturbed

    def _walk(self, name: str, walk: Any) -> Any:
        async def disturbed(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
            strikes = await self._disturbance.before(name, self._no_answer)
            async for item in walk(*arguments, **named):
                await self._disturbance.wait()
                yield item
            if strikes:
                await self._disturbance.strike(self._no_answer)

        return disturbed
