"""All that the workspace remembers: its jobs and its runs, in one file of the data folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localdev.workspace.model.run import Run
from localdev.workspace.notifications.destination_table import DestinationTable
from localdev.workspace.notifications.outbox import Outbox
from localdev.workspace.storage.database import Database
from localdev.workspace.storage.grant_table import CreatorTable, GrantTable
from localdev.workspace.storage.job_table import JobTable
from localdev.workspace.storage.run_history import RunHistory
from localdev.workspace.storage.run_table import RunTable
from localdev.workspace.triggers.trigger_table import TriggerTable

Listener = Callable[[Run | None, Run], None]  # what a run was, None for a new one, and what it is

FILE_NAME = "workspace.sqlite3"


class Store:
    """Jobs and runs, changed in transactions."""

    def __init__(self, folder: Path) -> None:
        self._database = Database.open(folder / FILE_NAME)
        self.jobs = JobTable(self._database)
        self.runs = RunTable(self._database)
        self.destinations = DestinationTable(self._database)
        self.outbox = Outbox(self._database)
        self.history = RunHistory(self._database)
        self.grants = GrantTable(self._database)
        self.creators = CreatorTable(self._database)
        self.triggers = TriggerTable(self._database)
        self._listeners: list[Listener] = []

    def close(self) -> None:
        """Close the file; nothing may be asked afterwards."""
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside happen wholly or not at all, whenever the process dies; may be nested."""
        with self._database.transaction():
            yield

    def new_id(self) -> int:
        """Return an id that no job, run or attempt has had; belongs into the transaction that uses it."""
        return self._database.new_id()

    def save_run(self, run: Run, before: Run | None = None) -> None:
        """Save what differs between a run and what it was `before`."""
        known = {} if before is None else {attempt.id: attempt for attempt in before.attempts}
        if before is None:
            self.runs.save(run)
        elif run.evolve(attempts=()) != before.evolve(attempts=()):
            self.runs.save_change(run)
        self.runs.save_attempts(run.id, [attempt for attempt in run.attempts if known.get(attempt.id) != attempt])
        for listener in self._listeners:
            listener(before, run)

    def on_change(self, listener: Listener) -> None:
        """Have a listener told of every run that is saved from now on, inside the transaction that saves it."""
        self._listeners.append(listener)
