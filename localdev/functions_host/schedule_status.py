"""Where the host remembers when its timers ran: one small file per timer, as Azure keeps one small blob per timer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Protocol

from localdev.functions_host.datums import ScheduleStatus


class ScheduleStatusStore(Protocol):
    """Remembers the status of each timer."""

    def read(self, function: str) -> ScheduleStatus | None:
        """Return a timer's status, None when it never had one; raises ValueError when it cannot be read."""

    def write(self, function: str, status: ScheduleStatus) -> None:
        """Replace a timer's status; safe to repeat."""


class StatusFolder:
    """Statuses as files `timers/<function>/status` under the state folder."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "timers"

    def read(self, function: str) -> ScheduleStatus | None:
        """Return a timer's status, None when it never had one; raises ValueError when the file is not one."""
        path = self._path(function)
        try:
            return ScheduleStatus.from_json(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no schedule status: {error!r}") from error

    def write(self, function: str, status: ScheduleStatus) -> None:
        """Replace the file at one stroke, so that it is always whole."""
        path = self._path(function)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(status.to_json()), "utf-8")
        os.replace(partial, path)  # noqa: PTH105 - the atomic one, by the name everybody knows

    def _path(self, function: str) -> Path:
        return self._folder / function / "status"


class StatusMemory:
    """Statuses that end with the process, for a host without a state folder."""

    def __init__(self) -> None:
        self._statuses: dict[str, ScheduleStatus] = {}

    def read(self, function: str) -> ScheduleStatus | None:
        """Return a timer's status, None when it never had one."""
        return self._statuses.get(function)

    def write(self, function: str, status: ScheduleStatus) -> None:
        """Replace a timer's status."""
        self._statuses[function] = status
