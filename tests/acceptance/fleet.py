"""Several host processes that share one storage account, behind one front door, as Azure scales an app out."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from localdev.child_process import ChildProcess, supervised
from shared.settings import SETTINGS
from shared.wiring import APP_ROOT

START_SECONDS = 60.0
CHUNK = 65_536


class Fleet:
    """The hosts; each can be killed as a crash would and started again, and all can be deployed with other settings."""

    def __init__(self, folder: Path, size: int, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._hosts: list[ChildProcess] = []
        self._size = size
        self._environment = dict(environment)
        self._addresses: dict[int, str] = {}
        self._turns = itertools.count()
        self.kills = 0

    async def deploy(self, **settings: str) -> None:
        """Start all hosts with the settings changed; those that run are stopped first, one after another."""
        (self._folder / "no-settings.json").write_text("{}", encoding="utf-8")
        self._environment |= settings
        for number in range(self._size):
            if number < len(self._hosts):
                await asyncio.to_thread(self._hosts[number].stop)
                self._hosts[number] = self._host(number)
            else:
                self._hosts.append(self._host(number))
            await self._start(number)

    async def kill_and_restart(self, number: int) -> None:
        """Kill a host with SIGKILL, whatever it is doing, and start it again."""
        await asyncio.to_thread(self._hosts[number].kill)
        self.kills += 1
        await self._start(number)

    async def stop(self) -> None:
        """End all hosts; safe to repeat."""
        for host in self._hosts:
            await asyncio.to_thread(host.stop)

    @property
    def urls(self) -> list[str]:
        """Return the addresses of the hosts."""
        return list(self._addresses.values())

    def logs(self) -> str:
        """Return what all hosts have logged."""
        return "".join(file.read_text(encoding="utf-8") for file in sorted(self._folder.glob("host-*.log")))

    def next_in_turn(self) -> list[tuple[str, int]]:
        """Return where the hosts listen, each time beginning with another one."""
        turn = next(self._turns) % self._size
        places = [url.removeprefix("http://").split(":") for url in self.urls]
        return [(host, int(port)) for host, port in places[turn:] + places[:turn]]

    async def _start(self, number: int) -> None:
        self._addresses[number] = await asyncio.to_thread(self._hosts[number].start, START_SECONDS)

    def _host(self, number: int) -> ChildProcess:
        names = {setting.name for setting in SETTINGS}
        inherited = {name: value for name, value in os.environ.items() if name.split("__")[0] not in names}
        places = ("--app", str(APP_ROOT), "--port", "0", "--settings", str(self._folder / "no-settings.json"))
        return ChildProcess(
            f"host-{number}",
            supervised("localdev.functions_host", *places),
            environment={**inherited, **self._environment},
            folder=APP_ROOT,
            log=self._folder / f"host-{number}.log",
            ready=re.compile(r"(http://127\.0\.0\.1:\d+)"),
        )


class FrontDoor:
    """One address for the fleet: each connection goes to the next host that takes it."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def url(self) -> str:
        """Return the address."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
