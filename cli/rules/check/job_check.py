"""Holds the jobs of rules against the workspace: whether they are there, and take what the rules give them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Protocol

from cli.rules.check.findings import Finding
from cli.rules.check.job_settings import JobSettings
from cli.rules.check.output_check import OutputCheck
from cli.rules.check.places import Places
from shared.errors import JobAmbiguous, JobMissing, JobsError, JobsUnauthorised
from shared.model import ENTRY_PARAMETER, JobReference
from shared.rules import Rule, Rules
from shared.wording import shown, unknown

# jobs/get and jobs/list take 20 calls a second: https://learn.microsoft.com/azure/databricks/resources/limits
_AT_ONCE = 8


class JobSource(Protocol):
    """Where jobs are looked up."""

    async def job(self, reference: JobReference) -> JobSettings:
        """Return the settings of a job. Raises JobsError."""


async def check_jobs(
    rules: Rules, source: JobSource, places: Places, outputs: OutputCheck, file: str
) -> tuple[Finding, ...]:
    """Return what is to be said of the jobs of all enabled rules; each job is looked up once."""
    by_job: dict[JobReference, list[Rule]] = {}
    for rule in rules:
        if rule.enabled:
            by_job.setdefault(rule.job, []).append(rule)
    gate = asyncio.Semaphore(_AT_ONCE)
    refused: list[JobsError] = []

    async def look_up(reference: JobReference) -> JobSettings | JobsError | None:
        async with gate:
            if refused:  # asking for the next job would fail the same way
                return None
            try:
                return await source.job(reference)
            except JobsError as error:
                if not _is_about_the_job(error):
                    refused.append(error)
                return error

    answers = await asyncio.gather(*map(look_up, by_job))
    if refused:
        message = f"The jobs of the rules could not be looked up. {refused[0]}"
        return (Finding(code="workspace-unread", message=message, file=file),)
    found = zip(by_job.values(), answers, strict=True)
    return tuple(finding for users, answer in found for finding in _Judge(file, places, outputs, users).judge(answer))


def _is_about_the_job(error: JobsError) -> bool:
    if isinstance(error, JobMissing):
        return error.status != 404 or bool(error.error_code)  # else there is no Jobs API at all
    return isinstance(error, JobsUnauthorised) and error.error_code == "PERMISSION_DENIED"


class _Judge:
    """Says what is wrong with one job, at the first of the rules that use it."""

    def __init__(self, file: str, places: Places, outputs: OutputCheck, users: Sequence[Rule]) -> None:
        self._file = file
        self._places = places
        self._outputs = outputs
        self._users = users

    def judge(self, answer: JobSettings | JobsError | None) -> Iterator[Finding]:
        if isinstance(answer, JobMissing):
            code = "job-ambiguous" if isinstance(answer, JobAmbiguous) else "job-missing"
            yield self._say(code, answer.message)
        elif isinstance(answer, JobsError):
            yield self._say("workspace-unread", str(answer))
        elif answer is not None:
            yield from self._settings(answer)
            for rule in self._users:
                yield from self._parameters(rule, answer)
            yield from self._places_of(answer)

    def _settings(self, found: JobSettings) -> Iterator[Finding]:
        job, name = found.job, shown(found.job.name)
        if job.is_continuous:
            yield self._say("job-continuous", f"The job {name} is continuous: run-now starts nothing while it runs.")
            return
        if job.max_concurrent_runs == 0:
            yield self._say("job-skips-runs", f"The job {name} allows 0 runs at once: every run is skipped.")
            return
        limit = f"{job.max_concurrent_runs} run{'' if job.max_concurrent_runs == 1 else 's'} at once"
        if not job.queue_enabled:
            message = (
                f"The job {name} has queueing off and allows {limit}. Landfall asks for the queue with each run of its "
                "own, but a run that anything else starts meanwhile is skipped. Turn on queueing in the job's settings."
            )
            yield self._say("job-queue-off", message)
        if job.max_concurrent_runs == 1:
            message = f"The job {name} works on one file at a time; others wait in its queue, for 48 hours at the most."
            yield self._say("job-one-at-a-time", message)

    def _parameters(self, rule: Rule, found: JobSettings) -> Iterator[Finding]:
        fields, name = rule.parameters.fields, shown(found.job.name)
        for parameter in _names(fields.get("job_parameters")):
            if parameter not in found.parameters and parameter != ENTRY_PARAMETER:
                known = [*found.parameters] or ["none"]
                message = unknown(parameter, known, f"is no parameter of the job {name}")
                yield self._say("job-unknown-parameter", message, rule, "job_parameters", parameter)
        if "job_parameters" in fields and ENTRY_PARAMETER not in found.parameters:
            message = (
                f"The job {name} does not define `{ENTRY_PARAMETER}`, which every run carries. Databricks does not say "
                "whether a run takes a parameter that its job does not define: define it, with an empty default."
            )
            yield self._say("job-entry-undefined", message, rule, "job_parameters")
        for parameter in _names(fields.get("notebook_params")):
            if parameter in found.parameters:
                message = (
                    f"The job {name} has a parameter {shown(parameter)} of its own, and its default takes the place of "
                    "the notebook's: pass it under `job_parameters`."
                )
                yield self._say("job-parameter-wins", message, rule, "notebook_params", parameter)

    def _places_of(self, found: JobSettings) -> Iterator[Finding]:
        for url in found.triggers:
            if watched := self._outputs.watched(url, self._users):
                rule, path = watched
                message = (
                    f"The job {shown(found.job.name)} has a file arrival trigger on {shown(url)}, and this rule takes "
                    f"{shown(path)}: the file would start the job twice."
                )
                yield self._say("native-trigger", message, rule, "job", path=path)
        given = {name for rule in self._users for kind in rule.parameters.fields.values() for name in _names(kind)}
        for name, value in (*found.parameters.items(), *found.task_parameters):
            output = None if name in given else self._outputs.of_setting(name, value, self._users)
            if output:
                message = (
                    f"The job {shown(found.job.name)} has the parameter {shown(name)} of {shown(value)}: what it "
                    f"writes there, such as {shown(output.path)}, starts this rule's job again."
                )
                yield self._say("own-output", message, output.watcher, "job", path=output.path)

    def _say(self, code: str, message: str, rule: Rule | None = None, *keys: str, path: str = "") -> Finding:
        others = "" if rule or len(self._users) == 1 else f" ({len(self._users)} rules start it.)"
        rule = rule or self._users[0]
        line, column = self._places.of(rule, *(keys or ("job",)))
        return Finding(
            code=code, message=message + others, file=self._file, line=line, column=column, rule=rule.name, path=path
        )


def _names(kind: object) -> tuple[str, ...]:
    return tuple(kind) if isinstance(kind, dict) else ()
