"""The node process of one Azurite: started, proved to be the one that listens, and ended."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from dataclasses import astuple, dataclass
from pathlib import Path

from shared.errors import LandfallError

HOST = "127.0.0.1"  # and never `localhost`, which may mean ::1: https://github.com/Azure/Azurite/issues/839
SERVICES = ("blob", "queue", "table")
START_TIMEOUT = 60.0  # seconds; it takes one or two on an idle machine
STOP_TIMEOUT = 10.0


class AzuriteError(LandfallError):
    """Azurite did not start, or is not running."""


class PortTaken(Exception):
    """Somebody else listens on a port that Azurite was to have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ports:
    """The ports of the three services."""

    blob: int
    queue: int
    table: int


class AzuriteProcess:
    """The node process: its output is always read (a full pipe would stop it) and its last lines are kept."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            cwd=folder,
            stdin=subprocess.PIPE,  # see end_with_parent.cjs
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is ours to pass on
        )
        self._lines: deque[str] = deque(maxlen=20)
        self._listening = False
        self._settled = threading.Event()  # it listens, or its output has ended
        self._reader = threading.Thread(target=self._read, name="azurite-output", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Return the id of the process, and of its group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether it has not ended."""
        return self._process.poll() is None

    def wait_until_listening(self, timeout: float) -> None:
        """Return when the process itself says that it listens; a stranger on the port cannot say so."""
        self._settled.wait(timeout)
        if self._listening:
            return
        self.end()
        said = " ".join(line.strip() for line in self._lines)
        if "EADDRINUSE" in said:
            raise PortTaken(next(line.strip() for line in self._lines if "EADDRINUSE" in line))
        raise AzuriteError(f"Azurite did not start: {said or f'it said nothing for {timeout:.0f} s'}")

    def end(self) -> None:
        """Ask all of the process group to end, and after STOP_TIMEOUT make it."""
        try:
            if self.alive:
                os.killpg(self.pid, signal.SIGTERM)
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self.alive:
                os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
            self._close()

    def _close(self) -> None:
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.append(line)
            if "Table service is successfully listening" in line:  # the last of the three
                self._listening = True
                self._settled.set()
        self._settled.set()


def started(command: list[str], ports: Ports, folder: Path | None) -> AzuriteProcess:
    """Start `command` in `folder` and return when all three services answer; raises PortTaken or AzuriteError."""
    process = AzuriteProcess(command, folder or Path(tempfile.gettempdir()))
    deadline = time.monotonic() + START_TIMEOUT
    try:
        process.wait_until_listening(START_TIMEOUT)
        for service, port in zip(SERVICES, astuple(ports), strict=True):
            _wait_for_answer(process, service, port, deadline)
    except BaseException:
        process.end()
        raise
    return process


def _wait_for_answer(process: AzuriteProcess, service: str, port: int, deadline: float) -> None:
    while not _answers(service, port):
        if not process.alive or time.monotonic() > deadline:
            raise AzuriteError(f"Azurite's {service} service does not answer on {HOST}:{port}.")
        time.sleep(0.05)


def _answers(service: str, port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/")
        server = connection.getresponse().getheader("server", "")
    except OSError:
        return False
    finally:
        connection.close()
    return server.startswith(f"Azurite-{service.capitalize()}/")
