"""Azurite, Microsoft's emulator of Azure Storage, as a process of ours on loopback.

It saves its tables every 5 seconds and at a SIGTERM, so a SIGKILL loses the newest rows
(https://github.com/Azure/Azurite/issues/1331): we ask and wait before we use force.
The newest storage SDKs speak an API version that it does not know yet, hence --skipApiVersionCheck.
"""

from __future__ import annotations

import atexit
import fcntl
from dataclasses import astuple
from pathlib import Path
from typing import IO, Self

from localdev.azurite_package import FOLDER, ensure_installed, find_node
from localdev.azurite_process import HOST, SERVICES, AzuriteError, AzuriteProcess, Ports, PortTaken, started
from localdev.ports import random_ports
from shared.secret import Secret
from shared.storage_connection import EMULATOR_ACCOUNT, EMULATOR_KEY, StorageConnection

_PORT_CHOICES = 10
_PORT_TRIES = 3  # where the ports are given, or known from before


class Azurite:
    """One Azurite, which keeps its ports and its folder over stop and start; data lives in memory without a folder.

    It ends with `stop`, with the `with` block, at interpreter exit and when this process is killed.
    All methods block, for a second or two at most when all is well: from async code, use `asyncio.to_thread`.
    """

    def __init__(self, folder: Path | None = None, *, ports: Ports | None = None) -> None:
        self._folder = folder.resolve() if folder else None
        self._ports = ports
        self._process: AzuriteProcess | None = None
        self._folder_lock: IO[str] | None = None

    def start(self) -> Self:
        """Start it and return when all three services answer; safe to repeat.

        Chooses free ports the first time, unless they were given. Raises AzuriteMissing without Node.js, and
        AzuriteError when it does not come up, when its ports are taken or another Azurite uses its folder.
        """
        if self.running:
            return self
        self.stop()  # it may have died by itself
        command = [find_node(), "--require", str(FOLDER / "end_with_parent.cjs"), str(ensure_installed())]
        self._lock_folder()
        try:
            self._process, self._ports = self._launch(command)
        except BaseException:
            self._unlock_folder()
            raise
        atexit.register(self.stop)
        return self

    def stop(self) -> None:
        """Let it save what it holds, and end it with all its children; safe to repeat."""
        process, self._process = self._process, None
        if process is None:
            return
        atexit.unregister(self.stop)
        try:
            process.end()
        finally:
            self._unlock_folder()

    @property
    def running(self) -> bool:
        """Tell whether the process is alive."""
        return self._process is not None and self._process.alive

    @property
    def pid(self) -> int:
        """Return the process id; raises AzuriteError while it is stopped."""
        if self._process is None:
            raise AzuriteError("Azurite is not running.", hint="Call start() first.")
        return self._process.pid

    @property
    def ports(self) -> Ports:
        """Return the ports, which stay the same over stop and start; raises AzuriteError before the first start."""
        if self._ports is None:
            raise AzuriteError("Azurite has no ports before it is started.", hint="Call start() first.")
        return self._ports

    @property
    def connection(self) -> StorageConnection:
        """Return where the account is and its (well-known) key."""
        return StorageConnection(
            account=EMULATOR_ACCOUNT,
            blob_endpoint=_endpoint(self.ports.blob),
            queue_endpoint=_endpoint(self.ports.queue),
            table_endpoint=_endpoint(self.ports.table),
            key=Secret(EMULATOR_KEY),
        )

    @property
    def connection_string(self) -> str:
        """Return the connection string with all three endpoints, as AzureWebJobsStorage wants it."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={EMULATOR_ACCOUNT};AccountKey={EMULATOR_KEY};"
            f"BlobEndpoint={_endpoint(self.ports.blob)};QueueEndpoint={_endpoint(self.ports.queue)};"
            f"TableEndpoint={_endpoint(self.ports.table)};"
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, command: list[str]) -> tuple[AzuriteProcess, Ports]:
        """Start it on its ports, or choose until some are free: only Azurite's own bind can tell without a race."""
        for _ in range(_PORT_TRIES if self._ports else _PORT_CHOICES):
            ports = self._ports or _choose_ports()
            try:
                return started(command + self._arguments(ports), ports, self._folder), ports
            except PortTaken as error:
                reason = str(error)
        raise AzuriteError(f"Azurite cannot have its ports: {reason}", hint="End what listens there, or choose others.")

    def _arguments(self, ports: Ports) -> list[str]:
        # --inMemoryPersistence refuses to go with --location.
        storage = ["--location", str(self._folder)] if self._folder else ["--inMemoryPersistence"]
        places = [
            argument
            for service, port in zip(SERVICES, astuple(ports), strict=True)
            for argument in (f"--{service}Host", HOST, f"--{service}Port", str(port))
        ]
        return [*storage, *places, "--silent", "--disableTelemetry", "--skipApiVersionCheck"]

    def _lock_folder(self) -> None:
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = (self._folder / ".azurite-lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AzuriteError(
                f"Another Azurite uses {self._folder}, and two would overwrite each other's data.",
                hint="Stop the other one, or use another folder.",
            ) from None
        self._folder_lock = lock

    def _unlock_folder(self) -> None:
        lock, self._folder_lock = self._folder_lock, None
        if lock is not None:
            lock.close()


def _choose_ports() -> Ports:
    blob, queue, table = random_ports(3)
    return Ports(blob=blob, queue=queue, table=table)


def _endpoint(port: int) -> str:
    return f"http://{HOST}:{port}/{EMULATOR_ACCOUNT}"
