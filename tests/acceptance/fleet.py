"""Several host processes that share one storage account, behind one front door, as Azure scales an app out.

Hosts are killed as crashes would; Azurite never is. It answers for table writes up to five seconds before they are on
its disk, so that a SIGKILL takes rows back that Table Storage has acknowledged (https://github.com/Azure/Azurite/issues/1331):
what would be lost then, the real service keeps.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from localdev.child_process import ChildProcess, supervised
from shared.settings import SETTINGS
from shared.wiring import APP_ROOT
from tests.proxies.listener import Listener

START_SECONDS = 60.0
CHUNK = 65_536


class Fleet:
    """The hosts: each can be killed and started again, or frozen and thawed; all can be deployed with other settings.

    `own` holds for each host the settings that it alone has, and `skews` the seconds that its clock is ahead.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], own: Sequence[Mapping[str, str]], skews: Sequence[float]
    ) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._own = own
        self._skews = skews
        self._hosts: list[ChildProcess] = []
        self._locks = [asyncio.Lock() for _ in own]  # one change of a host at a time
        self._addresses: dict[int, str] = {}
        self._turns = itertools.count()
        self.frozen: set[int] = set()
        self.kills = 0

    async def deploy(self, **settings: str) -> None:
        """Start all hosts with the settings changed; those that run are stopped first, one after another."""
        (self._folder / "no-settings.json").write_text("{}", encoding="utf-8")
        self._environment |= settings
        for number in range(len(self._own)):
            async with self._locks[number]:
                self._addresses.pop(number, None)
                if number < len(self._hosts):
                    await asyncio.to_thread(self._hosts[number].stop)
                    self._hosts[number] = self._host(number)
                else:
                    self._hosts.append(self._host(number))
                await self._start(number)

    async def kill_and_restart(self, number: int) -> None:
        """Kill a host with SIGKILL, whatever it is doing, and start it again."""
        async with self._locks[number]:
            self._addresses.pop(number, None)
            await asyncio.to_thread(self._hosts[number].kill)
            self.kills += 1
            await self._start(number)

    def freeze(self, number: int) -> int:
        """Stop a host in the middle of what it is doing (SIGSTOP), and return its process id."""
        os.kill(self._hosts[number].pid, signal.SIGSTOP)
        self.frozen.add(number)
        return self._hosts[number].pid

    def thaw(self, number: int) -> int:
        """Let a frozen host go on (SIGCONT), and return its process id."""
        os.kill(self._hosts[number].pid, signal.SIGCONT)
        self.frozen.discard(number)
        return self._hosts[number].pid

    async def stop(self) -> None:
        """End all hosts; safe to repeat."""
        for number in list(self.frozen):
            self.thaw(number)
        await asyncio.gather(*(asyncio.to_thread(host.stop) for host in self._hosts))

    @property
    def serving(self) -> list[int]:
        """Return the hosts that are up and not frozen."""
        return [number for number in self._addresses if number not in self.frozen]

    @property
    def urls(self) -> list[str]:
        """Return the addresses of the hosts that serve."""
        return [self._addresses[number] for number in self.serving]

    def log(self, number: int) -> str:
        """Return what one host has logged."""
        return (self._folder / f"host-{number}.log").read_text(encoding="utf-8")

    def logs(self) -> str:
        """Return what all hosts have logged."""
        return "".join(map(self.log, range(len(self._own))))

    def next_in_turn(self) -> list[tuple[str, int]]:
        """Return where the hosts listen, each time beginning with another one."""
        places = [url.removeprefix("http://").split(":") for url in self.urls]
        turn = next(self._turns) % max(1, len(places))
        return [(host, int(port)) for host, port in places[turn:] + places[:turn]]

    async def _start(self, number: int) -> None:
        self._addresses[number] = await asyncio.to_thread(self._hosts[number].start, START_SECONDS)

    def _host(self, number: int) -> ChildProcess:
        names = {setting.name for setting in SETTINGS}
        inherited = {name: value for name, value in os.environ.items() if name.split("__")[0] not in names}
        places = ("--app", str(APP_ROOT), "--port", "0", "--settings", str(self._folder / "no-settings.json"))
        return ChildProcess(
            f"host-{number}",
            supervised("tests.acceptance.skewed_host", str(self._skews[number]), *places),
            environment={**inherited, **self._environment, **self._own[number]},
            folder=APP_ROOT,
            log=self._folder / f"host-{number}.log",
            ready=re.compile(r"(http://127\.0\.0\.1:\d+)"),
        )


class FrontDoor(Listener):
    """One address for the fleet: each connection goes to the next host that takes it."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._fleet = fleet

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass a connection on to a host, both ways."""
        host = await self._connect()
        if host is None:
            writer.transport.abort()
            return
        ways = [asyncio.create_task(_pass_on(reader, host[1])), asyncio.create_task(_pass_on(host[0], writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()
            host[1].transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for host, port in self._fleet.next_in_turn():
            with suppress(OSError):  # it has been killed
                return await asyncio.open_connection(host, port)
        return None


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # one end of the two is gone
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
