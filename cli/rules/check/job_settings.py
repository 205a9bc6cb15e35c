"""What a job's settings say that decides how it goes together with rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.jobs import Job
from shared.jobs.answers import job_of
from shared.jobs.json_values import JsonObject, object_of, objects_of, text_of

_LONGEST_TEXT = 10_000
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class JobSettings:
    """A job as jobs/get tells it."""

    job: Job
    parameters: Mapping[str, str]  # the job's own: names and defaults
    triggers: tuple[str, ...]  # the places that its file arrival triggers watch
    task_parameters: tuple[tuple[str, str], ...]  # names and values, of all tasks


def job_settings_of(answer: JsonObject) -> JobSettings | None:
    """Return what an answer of jobs/get says; None when it is no job."""
    job = job_of(answer)
    if job is None:
        return None
    settings = object_of(answer.get("settings"))
    parameters = {
        text_of(each.get("name"), _LONGEST_NAME): text_of(each.get("default"), _LONGEST_TEXT)
        for each in objects_of(settings.get("parameters"))
    }
    tasks = tuple(pair for task in objects_of(settings.get("tasks")) for pair in _task_parameters(task))
    return JobSettings(job, parameters, tuple(_triggers(settings)), tasks)


def _triggers(settings: JsonObject) -> Iterator[str]:
    # `triggers` is a preview: several on one job, in place of `trigger`.
    for trigger in (object_of(settings.get("trigger")), *objects_of(settings.get("triggers"))):
        url = text_of(object_of(trigger.get("file_arrival")).get("url"), _LONGEST_TEXT)
        if url and trigger.get("pause_status") != "PAUSED":
            yield url


def _task_parameters(task: JsonObject) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a task that have names: those of notebooks, wheels, SQL and jobs."""
    for kind in task.values():
        for field in ("base_parameters", "named_parameters", "parameters", "job_parameters"):
            for name, value in object_of(object_of(kind).get(field)).items():
                if text := text_of(value, _LONGEST_TEXT):
                    yield name, text
