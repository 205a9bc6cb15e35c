"""Much work at once, but never too much of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

_T = TypeVar("_T")


async def all_done(work: Iterable[Awaitable[_T]], at_once: int) -> list[_T]:
    """Do all of it, at most so many at a time, and return what came of each, in order.

    Raises the first failure, once nothing runs any more: who asked may then do it again.
    """
    gate = asyncio.Semaphore(at_once)

    async def one(step: Awaitable[_T]) -> _T:
        async with gate:
            return await step

    results: list[_T] = []
    for outcome in await asyncio.gather(*map(one, work), return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results
