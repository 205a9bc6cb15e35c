"""What is told of a happening: all that a message needs, kept until it is delivered, whatever becomes of the run."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from localdev.workspace.api.views import Workspace
from localdev.workspace.notifications.happenings import Happening, Verdict
from localdev.workspace.notifications.model import Event
from localdev.workspace.storage.database import milliseconds, moment

LONGEST_NAME = 200  # characters of a job's name in a message
LONGEST_REASON = 2000
_RESULTS = {
    Verdict.SUCCESS: "succeeded",
    Verdict.FAILURE: "failed",
    Verdict.SKIPPED: "was skipped",
    Verdict.CANCELLED: "was cancelled",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One happening in the words of messages."""

    event: Event
    job_id: int
    job_name: str  # as somebody called it: anything at all
    run_id: int  # of the job's run
    task_run_id: int | None
    task_key: str | None
    verb: str  # "started", "failed"
    reason: str  # why it ended so; may be empty
    started_at: datetime | None
    ended_at: datetime | None
    happened_at: datetime

    @property
    def headline(self) -> str:
        """Return the happening in one line without controls: subject, and first line of every message."""
        job = one_line(self.job_name, LONGEST_NAME) or "Untitled"
        task = "" if self.task_key is None else f"task {self.task_key} of "
        return f"{job}: {task}run {self.run_id} {self.verb}"

    def details(self) -> list[tuple[str, str]]:
        """Return what else there is to say, as labels and texts of one line each."""
        found = [("Job", f"{one_line(self.job_name, LONGEST_NAME)} ({self.job_id})"), ("Run", str(self.run_id))]
        if self.task_key is not None:
            found.append(("Task", f"{self.task_key} (task run {self.task_run_id})"))
        found.append(("Result", self.verb))
        if self.reason:
            found.append(("Reason", one_line(self.reason, LONGEST_REASON)))
        if self.started_at is not None:
            found.append(("Started", _shown(self.started_at)))
        if self.ended_at is not None:
            found.append(("Ended", _shown(self.ended_at)))
        if self.started_at is not None and self.event is not Event.START:
            seconds = ((self.ended_at or self.happened_at) - self.started_at).total_seconds()
            found.append(("Duration", f"{seconds:.1f} s"))
        return found

    def link(self, workspace: Workspace) -> str:
        """Return the address of the run's page, "" where the workspace does not know its own address."""
        return workspace.base_url and workspace.page_of_run(self.job_id, self.task_run_id or self.run_id)


def notice_of(happening: Happening, now: datetime) -> Notice:
    """Return the notice of something that has happened now."""
    run, attempt = happening.run, happening.attempt
    job_run = happening.job_run or run
    verb = {Event.START: "started", Event.DURATION: "takes longer than expected"}.get(happening.event, "")
    if happening.verdict is not None:
        timed_out = happening.outcome is not None and happening.outcome.result_state == "TIMEDOUT"
        verb = "timed out" if timed_out else _RESULTS[happening.verdict]
    return Notice(
        event=happening.event,
        job_id=run.job_id,
        job_name=job_run.settings.name,
        run_id=job_run.id,
        task_run_id=None if attempt is None else attempt.id,
        task_key=None if attempt is None else attempt.task_key,
        verb=verb,
        reason="" if happening.verdict is None or happening.outcome is None else happening.outcome.message,
        started_at=run.admitted_at if attempt is None else attempt.started_at,
        ended_at=run.ended_at if attempt is None else attempt.ended_at,
        happened_at=now,
    )


def one_line(text: str, longest: int) -> str:
    """Return a text as one line that shows all it holds: what is invisible, line breaks above all, becomes a space."""
    shown = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def written(notice: Notice) -> str:
    """Return a notice as it is kept."""
    times = {name: getattr(notice, name) for name in _TIMES}
    return json.dumps(
        {**asdict(notice), **{name: None if time is None else milliseconds(time) for name, time in times.items()}}
    )


def read(text: str) -> Notice:
    """Return a notice that was kept."""
    document: dict[str, Any] = json.loads(text)
    times = {name: None if document[name] is None else moment(document[name]) for name in _TIMES}
    return Notice(**{**document, **times, "event": Event(document["event"])})


_TIMES = ("started_at", "ended_at", "happened_at")


def _shown(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC")
