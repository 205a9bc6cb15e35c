"""Which job a rule means: names resolved to ids, remembered for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from shared.clock import Clock, Deadline
from shared.model import JobReference

# A job that is deleted and made anew under the same name is found again after at most this long.
REMEMBERED = timedelta(minutes=10)


class JobFinder(Protocol):
    """What can look a job up by its name."""

    async def find_job(self, name: str, deadline: Deadline) -> int:
        """Return the id of the only job of this name; raises JobMissing."""


class JobDirectory:
    """Resolves job references; each name costs one call to Databricks in REMEMBERED."""

    def __init__(self, finder: JobFinder, clock: Clock) -> None:
        self._finder = finder
        self._clock = clock
        self._known: dict[str, tuple[int, datetime]] = {}

    def known(self, job: JobReference) -> int | None:
        """Return the job's id if that takes no call, None otherwise."""
        if job.id is not None:
            return job.id
        job_id, until = self._known.get(job.name or "", (None, None))
        return job_id if until and until > self._clock.now() else None

    async def resolve(self, job: JobReference, deadline: Deadline) -> int:
        """Return the job's id, asking for it where it is not known. Raises the JobsError of the look-up."""
        job_id = self.known(job)
        if job_id is None:
            job_id = await self._finder.find_job(job.name or "", deadline)
            self._known[job.name or ""] = (job_id, self._clock.now() + REMEMBERED)
        return job_id

    def forget(self, job: JobReference) -> None:
        """Forget a job that turned out to be missing, so that the next look-up asks again."""
        self._known.pop(job.name or "", None)
