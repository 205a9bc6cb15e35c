"""What happens when files come in bursts, tasks are tried again, or somebody forgot to fill something in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cli.jobs.checks.settings import Settings, called, tasks, texts
from cli.jobs.findings import Finding
from shared.jobs.json_values import object_of, whole_of
from shared.wording import shown

_PLACEHOLDER = re.compile(r"<[A-Za-z][A-Za-z0-9_ -]{0,60}>")


def check(settings: Settings) -> Iterator[Finding]:
    """Yield what is to be said of concurrency, retries, paths, identities and placeholders."""
    yield from _concurrency(settings)
    yield from _run_as(settings)
    for path, task in tasks(settings):
        yield from _notebook(path, task, settings)
        yield from _retries(path, task)
    for path, text in texts({name: value for name, value in settings.items() if name != "description"}):
        if _PLACEHOLDER.fullmatch(text):
            yield Finding("placeholder", f"{shown(text)} stands for something that is to be filled in.", path)


def _concurrency(settings: Settings) -> Iterator[Finding]:
    limit = whole_of(settings.get("max_concurrent_runs", 1))
    queue = object_of(settings.get("queue")).get("enabled")
    if limit == 0:
        yield Finding("skips-runs", "max_concurrent_runs is 0: every run is skipped.", "max_concurrent_runs")
    elif limit == 1 and queue is not True:
        off = (
            "The queue is off" if queue is False else "The queue is not asked for, and off in jobs that API 2.1 creates"
        )
        message = (
            f"{off}: with max_concurrent_runs 1 a run that starts while another is active is skipped, although run-now "
            'answers 200. Files that land in a burst are lost: add "queue": {"enabled": true}.'
        )
        yield Finding("queue-off", message, "queue")


def _run_as(settings: Settings) -> Iterator[Finding]:
    identity = object_of(settings.get("run_as"))
    named = [name for name in ("user_name", "service_principal_name", "group_name") if identity.get(name)]
    if len(named) > 1:
        yield Finding("run-as", f"run_as names {' and '.join(named)}: a job runs as one identity.", "run_as")
    elif not named:
        message = "Without run_as the job runs as whoever creates it, with all they may do: name a service principal."
        yield Finding("runs-as-you", message, "run_as")


def _notebook(path: str, task: Settings, settings: Settings) -> Iterator[Finding]:
    notebook = object_of(task.get("notebook_task"))
    place = notebook.get("notebook_path")
    from_git = notebook.get("source") == "GIT" or (settings.get("git_source") and "source" not in notebook)
    if isinstance(place, str) and not place.startswith("/") and not from_git:
        message = f"{shown(place)} must be an absolute path of the workspace, such as /Workspace/ETL/01_Ingestion."
        yield Finding("notebook-path", message, f"{path}notebook_task.notebook_path")


def _retries(path: str, task: Settings) -> Iterator[Finding]:
    if whole_of(task.get("max_retries")) or task.get("max_retries") == -1:
        also = ", after a time-out too" if task.get("retry_on_timeout") is True else ""
        message = (
            f"{called(path, task)} is tried again when it fails{also}: what it had written by then is written twice, "
            "unless it writes under a name of its own for each date or run ({{job.run_id}} stays the same), or merges."
        )
        yield Finding("retries", message, f"{path}max_retries")
