"""The list of jobs, and the page of one job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from localdev.workspace.api.paging import FROM_THE_START
from localdev.workspace.model.job import Job
from localdev.workspace.pages.figures import Figures, figures_of
from localdev.workspace.pages.run_lines import RunLine, line_of
from localdev.workspace.pages.task_graph import TaskGraph, graph_of
from localdev.workspace.pages.text import Excerpt, as_json
from localdev.workspace.pages.triggers import trigger_words
from localdev.workspace.storage.run_history import Place
from localdev.workspace.storage.store import Store
from localdev.workspace.triggers.model import Periodic, Schedule

JOBS_IN_A_PAGE = 50
RUNS_IN_A_PAGE = 25
LATEST_RUNS = 20
DOTS = 10
RUNS_FOR_FIGURES = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class JobLine:
    """A job in the list, with its last runs, oldest first."""

    job: Job
    trigger: str
    next_fire: datetime | None
    dots: tuple[RunLine, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class JobsPage:
    """The list of jobs, newest first."""

    jobs: tuple[JobLine, ...]
    next_page: int | None  # list what is older than this id
    latest: tuple[RunLine, ...]
    is_active: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPage:
    """One job."""

    job: Job
    trigger: str
    next_fire: datetime | None
    graph: TaskGraph
    figures: Figures
    settings: Excerpt
    runs: tuple[RunLine, ...]
    next_page: Place | None
    is_active: bool


class JobPages:
    """Gathers what these pages show."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list_page(self, before: int, now: datetime) -> JobsPage:
        """Return the page of jobs with ids below `before`."""
        jobs = self._store.jobs.page(name=None, before=before, limit=JOBS_IN_A_PAGE + 1)
        latest = tuple(line_of(run, now) for run in self._store.history.latest(LATEST_RUNS))
        lines = tuple(self._line(job, now) for job in jobs[:JOBS_IN_A_PAGE])
        active = any(each.run.outcome is None for line in lines for each in line.dots)
        return JobsPage(
            jobs=lines,
            next_page=jobs[JOBS_IN_A_PAGE - 1].id if len(jobs) > JOBS_IN_A_PAGE else None,
            latest=latest,
            is_active=active or any(each.run.outcome is None for each in latest),
        )

    def job_page(self, job_id: int, before: Place, now: datetime) -> JobPage | None:
        """Return the page of a job with its runs before a place; None when there is no such job."""
        job = self._store.jobs.get_seen(job_id)
        if job is None:
            return None
        recent = self._store.history.of_job(job_id, limit=RUNS_FOR_FIGURES)
        runs = self._store.history.of_job(job_id, before=before, limit=RUNS_IN_A_PAGE + 1)
        return JobPage(
            job=job,
            trigger=trigger_words(job.settings.document),
            next_fire=self._next_fire(job),
            graph=graph_of(job.settings, None, now),
            figures=figures_of(recent, job.settings.document, job.settings.timeout),
            settings=as_json(job.settings.document),
            runs=tuple(line_of(run, now) for run in runs[:RUNS_IN_A_PAGE]),
            next_page=runs[RUNS_IN_A_PAGE - 1].place if len(runs) > RUNS_IN_A_PAGE else None,
            is_active=any(run.outcome is None for run in recent),
        )

    def _line(self, job: Job, now: datetime) -> JobLine:
        runs = self._store.history.of_job(job.id, before=FROM_THE_START, limit=DOTS)
        return JobLine(
            job=job,
            trigger=trigger_words(job.settings.document),
            next_fire=self._next_fire(job),
            dots=tuple(line_of(run, now) for run in reversed(runs)),
        )

    def _next_fire(self, job: Job) -> datetime | None:
        """Return when a job starts by the clock, None when it does not, or is paused."""
        starter = job.settings.started_by
        state = self._store.triggers.get(job.id)
        if state is None or not isinstance(starter, Schedule | Periodic) or starter.is_paused:
            return None
        return state.due_at
