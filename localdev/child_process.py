"""A process of the local stack: started, known to be ready, kept running, and ended with all its children."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from shared.errors import LandfallError

STOP_SECONDS = 15.0
KEPT_LINES = 15


class ChildNotStarted(LandfallError):
    """A process of the local stack did not come up."""


class ChildProcess:
    """One process: its output goes to a log file, and a line of it says that it is ready."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        ready: re.Pattern[str],
        on_line: Callable[[str, str], None] | None = None,
    ) -> None:
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._folder = folder
        self._log_path = log
        self._ready_pattern = ready
        self._on_line = on_line
        self._process: subprocess.Popen[str] | None = None
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._ready = threading.Event()
        self._found = ""
        self._readers: list[threading.Thread] = []

    @property
    def pid(self) -> int:
        """Return the id of the process, and of its group; raises ChildNotStarted while it is stopped."""
        if self._process is None:
            raise ChildNotStarted(f"{self.name} is not running.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self, seconds: float) -> str:
        """Start it and return what its ready line says (the pattern's first group); raises ChildNotStarted."""
        self._ready.clear()
        self._lines.clear()
        log = self._log_path.open("a", encoding="utf-8")
        self._process = subprocess.Popen(  # noqa: S603 - our own commands
            self._command,
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.PIPE,  # see localdev/supervised.py
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is ours to pass on, once, in order
        )
        streams = (self._process.stdout, self._process.stderr)
        self._readers = [threading.Thread(target=self._read, args=[stream, log], daemon=True) for stream in streams]
        for reader in self._readers:
            reader.start()
        threading.Thread(target=self._close_log, args=[log, self._readers], daemon=True).start()
        if self._wait(seconds):
            return self._found
        said = "\n".join(self._lines) or f"it said nothing for {seconds:.0f} s"
        self.stop()
        raise ChildNotStarted(f"{self.name} did not start:\n{said}", hint=f"\nIts log is {self._log_path}.")

    def stop(self) -> None:
        """Ask the process to end, and after STOP_SECONDS make it and its children; safe to repeat."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            if process.poll() is None:
                process.terminate()
                process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill(process)

    def kill(self) -> None:
        """Kill the process group at once, as a crash would; it counts as running no more."""
        if self._process is not None:
            self._kill(self._process)

    def _kill(self, process: subprocess.Popen[str]) -> None:
        with suppress(ProcessLookupError):  # all of the group may have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for reader in self._readers:
            reader.join(5)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def _wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._ready.wait(0.05):
                return True
            if not self.running:
                return self._ready.is_set()
        return False

    def _read(self, stream: IO[str], log: IO[str]) -> None:
        for line in stream:
            text = line.rstrip("\n")
            self._lines.append(text)
            log.write(line)
            log.flush()
            found = self._ready_pattern.search(text)
            if found and not self._ready.is_set():
                self._found = found[1]
                self._ready.set()
            if self._on_line:
                self._on_line(self.name, text)

    @staticmethod
    def _close_log(log: IO[str], readers: Sequence[threading.Thread]) -> None:
        for reader in readers:
            reader.join()
        log.close()


def supervised(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours so that it ends with this process."""
    return [sys.executable, "-m", "localdev.supervised", module, *arguments]
