"""What the tests of triggers share: the loop over a store, with scripted tasks and a standing clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localdev.workspace.core import Core
from localdev.workspace.files.workspace_files import WorkspaceFiles
from localdev.workspace.flow.scheduler import Scheduler
from localdev.workspace.model.job import Job
from localdev.workspace.model.run import Run
from localdev.workspace.scripted_runner import ScriptedRunner
from localdev.workspace.storage.run_table import RunFilter
from localdev.workspace.storage.store import Store
from localdev.workspace.triggers.places import Places
from localdev.workspace.triggers.trigger_loop import TriggerLoop
from shared.storage_connection import StorageConnection
from tests.fakes.waiting import give_way, until
from tests.localdev.workspace.kit import StandingClock, settings_of

NEWEST = (2**63 - 1, 2**63 - 1)


@dataclass(frozen=True, kw_only=True)
class Triggers:
    """A trigger loop at work, and the store below it."""

    core: Core
    loop: TriggerLoop
    clock: StandingClock

    def create(self, **settings: Any) -> int:
        """Add a job as jobs/create does."""
        with self.core.store.transaction():
            job = Job(
                id=self.core.store.new_id(),
                settings=settings_of(version="2.1", **settings),
                created_at=self.clock.now(),
            )
            self.core.store.jobs.add(job)
        return job.id

    def change(self, job_id: int, **settings: Any) -> None:
        """Replace a job's settings as jobs/reset does."""
        with self.core.store.transaction():
            self.core.store.jobs.save_settings(job_id, settings_of(version="2.1", **settings))

    def delete(self, job_id: int) -> None:
        """Delete a job."""
        with self.core.store.transaction():
            self.core.store.jobs.delete(job_id)

    def runs(self, job_id: int) -> list[Run]:
        """Return the runs of a job, the first at first."""
        return self.core.store.runs.page(RunFilter(job_id=job_id), NEWEST, 1000)[::-1]

    async def idle(self) -> None:
        """Wait until the triggers have done what is due, and wait for the clock."""
        await until(lambda: self.loop.is_idle)
        await give_way(20)  # whoever goes to sleep has to be asleep before the clock moves

    async def after(self, **span: float) -> None:
        """Move the clock, and wait until the triggers have done what is due."""
        await self.idle()
        self.clock.advance(**span)
        await self.idle()

    async def ended(self, run: Run) -> None:
        """Wait until a run has ended."""
        await until(lambda: not self.is_active(run))

    def is_active(self, run: Run) -> bool:
        """Tell whether a run is active."""
        now = self.core.store.runs.get(run.id)
        return now is not None and now.is_active


@asynccontextmanager
async def triggering(
    folder: Path,
    clock: StandingClock,
    runner: ScriptedRunner | None = None,
    connection: StorageConnection | None = None,
) -> AsyncIterator[Triggers]:
    """Run the triggers of the store in a folder; opening it once more is a server that starts again.

    Nothing is done at the end that a killed server would not have done: all that counts is in the file.
    """
    store = Store(folder)
    runner = runner or ScriptedRunner()
    scheduler = Scheduler(store, runner, clock, running_tasks=4)
    core = Core(store=store, scheduler=scheduler, runner=runner, clock=clock, files=WorkspaceFiles(folder))
    loop = TriggerLoop(core, Places(folder / "dbfs", connection))
    await scheduler.start()
    await loop.start()
    try:
        triggers = Triggers(core=core, loop=loop, clock=clock)
        await triggers.idle()
        yield triggers
    finally:
        await loop.stop()
        await scheduler.stop()
        store.close()
