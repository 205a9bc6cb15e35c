"""What starts a job's runs by itself, all frozen. A job has one of these at most, and a paused one does nothing.

`key` names what it goes by: what is remembered of a trigger is forgotten once that is another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, tzinfo

from localdev.workspace.triggers.place import Place
from localdev.workspace.triggers.quartz import Quartz


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """`schedule`: at the times of a cron expression."""

    quartz: Quartz
    zone: tzinfo
    zone_name: str
    is_paused: bool

    @property
    def key(self) -> str:
        """Return what it goes by."""
        return f"schedule {self.quartz.expression} in {self.zone_name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Periodic:
    """`trigger.periodic`: once in so much time."""

    interval: timedelta
    is_paused: bool

    @property
    def key(self) -> str:
        """Return what it goes by."""
        return f"periodic {self.interval}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileArrival:
    """`trigger.file_arrival`: when new files are below a place."""

    url: str
    place: Place
    least_between: timedelta  # from one run's start to the next
    quiet: timedelta  # without a new file, before a run starts
    is_paused: bool

    @property
    def key(self) -> str:
        """Return what it goes by."""
        return f"file_arrival {self.url}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Continuous:
    """`continuous`: always one run."""

    is_paused: bool

    @property
    def key(self) -> str:
        """Return what it goes by."""
        return "continuous"


Starter = Schedule | Periodic | FileArrival | Continuous
