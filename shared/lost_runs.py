"""Finds the run of a request whose answer never came, by the parameter that every run carries (rule R5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from shared.clock import Deadline
from shared.model import ENTRY_PARAMETER, Entry, Run

CLOCK_ERROR = timedelta(minutes=5)


class RunLister(Protocol):
    """What looking for a run needs of Databricks."""

    def list_runs(
        self, job_id: int, deadline: Deadline, *, started_after: datetime | None = None
    ) -> AsyncIterator[Run]:
        """Yield the job's runs, newest first."""


def can_be_found(entry: Entry) -> bool:
    """Tell whether the runs of an entry carry it; beside `jar_params` Databricks takes no mapping that could."""
    return any(ENTRY_PARAMETER in fields for fields in entry.parameters.values() if isinstance(fields, Mapping))


async def find_lost_run(runs: RunLister, entry: Entry, deadline: Deadline) -> int | None:
    """Return the id of the run that carries this entry, None when its job has none. Raises JobsError."""
    if entry.request is None or entry.first_sent_at is None:
        return None
    since = entry.first_sent_at - CLOCK_ERROR
    async for run in runs.list_runs(entry.request.job_id, deadline, started_after=since):
        if run.parameters.get(ENTRY_PARAMETER) == entry.key and not _is_of_an_earlier_generation(run, entry):
            return run.run_id
    return None


def _is_of_an_earlier_generation(run: Run, entry: Entry) -> bool:
    """Tell whether a run had ended before this generation's request was sent: all generations carry the same entry."""
    if entry.generation == 1 or run.ended_at is None or entry.first_sent_at is None:
        return False
    return run.ended_at < entry.first_sent_at
