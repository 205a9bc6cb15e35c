"""What happens to the hosts: one is killed every two seconds, and one is stopped for longer than any lease lasts."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress

from tests.acceptance.fleet import Fleet
from tests.acceptance.history import History
from tests.acceptance.trouble import Trouble

KILL_EVERY = 2.0
ZOMBIE_SECONDS = 90.0  # a lease of an entry lasts 25 s here, that of a sweep's shard 30
_PAUSE = 0.02
_AWAKE_SECONDS = 60.0


class Nemesis:
    """Kills hosts for as long as it is not cancelled.

    A beat is left out where it would leave nobody: a host takes a second or two to start, more on a busy machine, and
    what is to be shown is progress under kills and not that none is made without hosts.
    """

    def __init__(self, fleet: Fleet, trouble: Trouble, history: History, seed: int) -> None:
        self._fleet = fleet
        self._trouble = trouble
        self._history = history
        self._randomness = random.Random(f"{seed} nemesis")
        self._spared: int | None = None  # the zombie, until it has shown that it lives
        self._restarts: dict[int, asyncio.Task[None]] = {}

    async def kill(self) -> None:
        """Kill a host every two seconds; cancelled, it lets every host come up again."""
        try:
            while True:
                await asyncio.sleep(KILL_EVERY)
                victims = [number for number in self._up() if number != self._spared]
                if len(self._up()) > 1 and victims:
                    self._kill(self._randomness.choice(victims))
                else:
                    self._history.note("spared")
        finally:
            await asyncio.shield(asyncio.gather(*self._restarts.values()))

    async def make_zombie(self) -> bool:
        """Stop a host while it waits for the ledger, let it go on much later; tell whether it then did go on."""
        number = await self._busy_host()
        self._spared = number
        pid = self._fleet.freeze(number)
        began, logged = time.monotonic(), len(self._fleet.log(number))
        self._history.note("frozen", host=number, waits_for=self._trouble.writes_under_way(number))
        await asyncio.sleep(ZOMBIE_SECONDS)
        is_same = self._fleet.thaw(number) == pid
        self._history.note("thawed", host=number, seconds=round(time.monotonic() - began, 1))
        with suppress(TimeoutError):
            async with asyncio.timeout(_AWAKE_SECONDS):
                while len(self._fleet.log(number)) == logged:  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(_PAUSE)
        self._spared = None
        said = self._fleet.log(number)[logged:]
        self._history.note("awake", host=number, conflicts=said.count("entry.unrecorded"))
        return is_same and bool(said)

    async def _busy_host(self) -> int:
        while True:
            busy = [number for number in self._up() if self._trouble.writes_under_way(number)]
            if len(self._up()) > 1 and busy:
                return self._randomness.choice(busy)
            await asyncio.sleep(_PAUSE)

    def _up(self) -> list[int]:
        return [number for number in self._fleet.serving if number not in self._restarts]

    def _kill(self, number: int) -> None:
        self._history.note("killed", host=number)
        self._restarts[number] = asyncio.create_task(self._fleet.kill_and_restart(number))
        self._restarts[number].add_done_callback(lambda _: self._restarts.pop(number, None))
