"""What the page of a run tells of each task: its attempts, parameters, outputs and the runs it started."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from localdev.workspace.api import resolved_values
from localdev.workspace.core import Core
from localdev.workspace.model.job import TaskKind
from localdev.workspace.model.run import Attempt, Run, TaskOutput
from localdev.workspace.pages.looks import NOT_STARTED, Look, look_of
from localdev.workspace.pages.run_lines import RunLine, line_of
from localdev.workspace.pages.spans import between
from localdev.workspace.pages.text import Excerpt, as_json, beginning, end
from localdev.workspace.pages.timeline import Stretch, stretch_of
from localdev.workspace.runners import task_report
from localdev.workspace.storage.run_history import PastRun

LONGEST_LOG = 16 * 1024  # characters, or bytes of a file, of one task
MOST_ATTEMPTS = 20  # of one task, with their outputs; the last ones
MOST_STARTED_RUNS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptView:
    """One try at a task."""

    attempt: Attempt
    look: Look
    message: str
    span: timedelta | None
    stretch: Stretch | None
    error: Excerpt | None
    trace: Excerpt | None
    result: Excerpt | None
    logs: Excerpt | None
    values: Excerpt | None
    fields: Excerpt | None  # what the API shows of its kind besides: sql_output, dbt_output
    resolved: Excerpt | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskView:
    """One task of a run."""

    number: int  # its place in the job, from 0
    key: str
    kind: str
    look: Look
    upstream: tuple[tuple[int, str, str], ...]  # number, key, outcome
    document: Excerpt
    attempts: tuple[AttemptView, ...]  # newest first
    hidden_attempts: int
    started_runs: tuple[RunLine, ...]


class TaskViews:
    """Reads what tasks left behind: in the store, and, while they run, in their folders below `folder`."""

    def __init__(self, core: Core, folder: Path) -> None:
        self._core = core
        self._store = core.store
        self._folder = folder

    def of_run(self, run: Run, numbers: range, now: datetime) -> tuple[TaskView, ...]:
        """Return the tasks at these places of the job."""
        keys = list(run.settings.tasks)
        attempts: dict[str, list[Attempt]] = {keys[number]: [] for number in numbers}
        for attempt in run.attempts:
            if attempt.task_key in attempts:
                attempts[attempt.task_key].insert(0, attempt)
        shown = [attempt.id for each in attempts.values() for attempt in each]
        started = self._store.history.started_by(shown, MOST_STARTED_RUNS)
        places = {key: number for number, key in enumerate(keys)}
        return tuple(self._task(run, places, key, attempts[key], now, started) for key in keys if key in attempts)

    def _task(
        self,
        run: Run,
        places: Mapping[str, int],
        key: str,
        attempts: Sequence[Attempt],
        now: datetime,
        started: Sequence[PastRun],
    ) -> TaskView:
        settings = run.settings.tasks[key]
        ids = {attempt.id for attempt in attempts}
        return TaskView(
            number=places[key],
            key=key,
            kind=settings.kind.removesuffix("_task").replace("_", " "),
            look=look_of(attempts[0].phase, attempts[0].outcome) if attempts else NOT_STARTED,
            upstream=tuple((places[each.key], each.key, each.outcome or "") for each in settings.depends_on),
            document=as_json(settings.document),
            attempts=tuple(self._attempt(run, each, now) for each in attempts[:MOST_ATTEMPTS]),
            hidden_attempts=max(0, len(attempts) - MOST_ATTEMPTS),
            started_runs=tuple(line_of(each, now) for each in started if each.parent_id in ids),
        )

    def _attempt(self, run: Run, attempt: Attempt, now: datetime) -> AttemptView:
        output = self._store.runs.output(attempt.id)
        resolved = resolved_values.of_attempt(self._core, run, attempt).get("resolved_values")
        return AttemptView(
            attempt=attempt,
            look=look_of(attempt.phase, attempt.outcome),
            message=attempt.outcome.message if attempt.outcome else "",
            span=between(attempt.started_at, attempt.ended_at or now),
            stretch=stretch_of(run, attempt, now),
            error=_excerpt(output.error),
            trace=None if output.error_trace in (None, output.error) else _excerpt(output.error_trace),
            result=None if output.result is None else beginning(output.result, LONGEST_LOG),
            logs=self._logs(run.settings.tasks[attempt.task_key].kind, attempt, output),
            values=as_json(output.values) if output.values else None,
            fields=as_json(output.fields) if output.fields else None,
            resolved=as_json(resolved) if resolved else None,
        )

    def _logs(self, kind: TaskKind, attempt: Attempt, output: TaskOutput) -> Excerpt | None:
        """Return what a task has printed; the API keeps it for some kinds only, and for none while it runs."""
        if output.logs is not None and kind is not TaskKind.NOTEBOOK:
            return _excerpt(output.logs)
        return tail_of(task_report.output_file(self._folder / str(attempt.id)))


def tail_of(file: Path) -> Excerpt | None:
    """Return the end of a file that a task writes, None when it has none.

    A task may put a link or a pipe there: another file is not shown, and nothing is waited for.
    """
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return None
        start = max(0, status.st_size - LONGEST_LOG)
        text = os.pread(handle, LONGEST_LOG, start).decode(errors="replace")
        return Excerpt(text=text, omitted=start, unit="bytes")
    finally:
        os.close(handle)


def _excerpt(text: str | None) -> Excerpt | None:
    return end(text, LONGEST_LOG) if text else None
