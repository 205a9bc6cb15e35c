"""The page of one run: its graph, what became of each task, and its repairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from localdev.workspace.core import Core
from localdev.workspace.model.run import Phase, Run
from localdev.workspace.pages.looks import Look, Tone, look_of, look_of_result
from localdev.workspace.pages.spans import between
from localdev.workspace.pages.task_graph import TaskGraph, graph_of
from localdev.workspace.pages.tasks_view import TaskView, TaskViews
from localdev.workspace.pages.text import Excerpt, as_json
from localdev.workspace.storage.database import moment

TASKS_IN_A_PAGE = 50
MOST_NAMED_FAILURES = 20
_WRONG = frozenset({Tone.BAD, Tone.LATE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A job parameter, or one that run-now gave."""

    name: str
    value: str
    default: str | None  # None where the job has none of that name


@dataclass(frozen=True, kw_only=True, slots=True)
class RepairLine:
    """One part of a run's repair history."""

    kind: str
    id: int | None
    start: datetime
    end: datetime | None
    look: Look


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPage:
    """One run."""

    run: Run
    look: Look
    has_job: bool  # a run of runs/submit has no job of its own that could be shown
    span: timedelta | None
    queued: timedelta | None
    message: str
    parent: Run | None
    parameters: tuple[Parameter, ...]
    overriding: Excerpt | None
    graph: TaskGraph
    wrong: tuple[tuple[int, str], ...]  # number and key of tasks that failed
    tasks: tuple[TaskView, ...]
    page: int  # of tasks, from 1
    pages: int
    repairs: tuple[RepairLine, ...]


class RunPages:
    """Gathers what the page of a run shows."""

    def __init__(self, core: Core, task_folder: Path) -> None:
        self._store = core.store
        self._tasks = TaskViews(core, task_folder)

    def find(self, job_id: int, run_id: int) -> Run | None:
        """Return the run of a job by its own id or by that of an attempt; None when the job has no such run."""
        run = self._store.runs.get_seen(run_id)
        return run if run is not None and run.job_id == job_id else None

    def page(self, run: Run, number: int, now: datetime) -> RunPage:
        """Return the page of a run with one page of its tasks; a number beyond the last one means the last."""
        latest = run.latest_attempts()
        pages = max(1, -(-len(run.settings.tasks) // TASKS_IN_A_PAGE))
        number = min(max(number, 1), pages)
        places = range((number - 1) * TASKS_IN_A_PAGE, min(number * TASKS_IN_A_PAGE, len(run.settings.tasks)))
        tasks = self._tasks.of_run(run, places, now)
        return RunPage(
            run=run,
            look=look_of(run.phase, run.outcome),
            has_job=self._store.jobs.get_seen(run.job_id) is not None,
            span=between(run.created_at, run.ended_at or now),
            queued=between(run.created_at, run.admitted_at or run.ended_at or now),
            message=_message(run),
            parent=None if run.parent_id is None else self._store.runs.get_seen(run.parent_id),
            parameters=_parameters(run),
            overriding=as_json(run.request.overriding) if run.request.overriding else None,
            graph=graph_of(run.settings, latest, now),
            wrong=tuple(
                (place, key)
                for place, key in enumerate(run.settings.tasks)
                if key in latest and look_of(latest[key].phase, latest[key].outcome).tone in _WRONG
            )[:MOST_NAMED_FAILURES],
            tasks=tasks,
            page=number,
            pages=pages,
            repairs=self._repairs(run),
        )

    def _repairs(self, run: Run) -> tuple[RepairLine, ...]:
        """Return the parts of a run's history, the original first; nothing for a run that was never repaired."""
        repairs = self._store.runs.repairs(run.id)
        if not repairs:
            return ()
        now = RepairLine(
            kind="REPAIR",
            id=repairs[-1].id,
            start=repairs[-1].created_at,
            end=run.ended_at,
            look=look_of(run.phase, run.outcome),
        )
        return (*(_former(repair.before) for repair in repairs), now)


def page_of_task(number: int) -> int:
    """Return the page of a run's tasks on which the task of that place is."""
    return number // TASKS_IN_A_PAGE + 1


def _former(before: Mapping[str, Any]) -> RepairLine:
    """Return a part of the history as it was kept, in the shape of the API's `repair_history`."""
    state = before.get("state", {})
    end = before.get("end_time", 0)
    return RepairLine(
        kind=str(before.get("type", "")),
        id=before.get("id"),
        start=moment(before.get("start_time", 0)),
        end=moment(end) if end else None,
        look=look_of_result(str(state.get("result_state") or state.get("life_cycle_state") or "")),
    )


def _message(run: Run) -> str:
    if run.outcome is not None:
        return run.outcome.message
    if run.phase is Phase.QUEUED:
        return f"It waits: the job may have {run.settings.max_concurrent_runs} concurrent runs."
    return ""


def _parameters(run: Run) -> tuple[Parameter, ...]:
    defaults, given = run.settings.parameters, run.request.job_parameters
    return tuple(
        Parameter(name=name, value=str(given.get(name, defaults.get(name, ""))), default=defaults.get(name))
        for name in sorted({*defaults, *given})
    )
