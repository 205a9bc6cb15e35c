"""`landfall jobs apply`: make the jobs of a workspace what files say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.jobs.check import line_of
from cli.jobs.checks import findings_of
from cli.jobs.defaults import without_defaults
from cli.jobs.differences import Difference, differences
from cli.jobs.files import JobFile, JobFileError, read_jobs
from cli.jobs.workspace import JobDefinitions, KnownJob, databricks_settings, open_jobs
from cli.output import complain, out, say, show_json, talk
from cli.rules.check.findings import Level
from cli.unusable import unusable_exits
from shared.errors import Fault, JobsError
from shared.redaction import redacted
from shared.settings import DatabricksSettings

# What a file does not say of these stays as the workspace has it: its defaults depend on who made the job, and how.
_KEPT: Mapping[str, Any] = {"queue": {"enabled": False}, "run_as": None}


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done for one job; `known` is None where it has to be made."""

    job: JobFile
    known: KnownJob | None
    wanted: Mapping[str, Any]  # what the workspace is to be told
    changes: Sequence[Difference]

    @property
    def action(self) -> str:
        """Return what is done: create, update, or unchanged."""
        if self.known is None:
            return "create"
        return "update" if self.changes else "unchanged"


def apply(
    files: Annotated[list[str], typer.Argument(help="Files of jobs, JSON or YAML; `-` is standard input.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For scripts: one document, and no questions.")] = False,
) -> None:
    """Create and update jobs from files, by their names, after showing every field that changes. Safe to repeat.

    The workspace is the one that `landfall up` runs in this folder, else that of DATABRICKS_HOST.

    $ landfall jobs apply samples/tutorial/*.yaml

    Exit status 0: all is as the files say; 1: it is not (--dry-run, a no, a refusal); 2: something cannot be used.
    --json without --yes changes nothing.
    """
    with unusable_exits():
        jobs = _read(files)
        settings = databricks_settings()
        plans = asyncio.run(_planned(settings, jobs))
    if not json:
        _show(settings, plans)
    due = [plan for plan in plans if plan.action != "unchanged"]
    stopped = dry_run or (json and not yes)
    if due and not (stopped or yes):
        typer.confirm(f"Change {len(due)} of {len(plans)} jobs?" if len(plans) > 1 else "Apply?", abort=True, err=True)
    done = {} if stopped else asyncio.run(_applied(settings, due))
    if json:
        show_json([_as_json(plan, done.get(plan.job.name)) for plan in plans])
    else:
        _tell(done)
    left = any(isinstance(done.get(plan.job.name, ""), (str, JobsError)) for plan in due)
    raise typer.Exit(1 if left else 0)


def _read(files: Sequence[str]) -> list[JobFile]:
    jobs = [job for file in files for job in read_jobs(file)]
    seen: dict[str, JobFile] = {}
    for job in jobs:
        if not job.name.strip():
            raise JobFileError(job.file, [Fault("holds a job without a name, by which it could be found again.")])
        if (other := seen.setdefault(job.name.casefold(), job)) is not job:
            raise JobFileError(job.file, [Fault(f"holds the job {job.name!r}, which is in {other.file} as well.")])
    return jobs


async def _planned(settings: DatabricksSettings, files: Sequence[JobFile]) -> list[Plan]:
    async with open_jobs(settings) as jobs:
        return [plan_of(job, await jobs.named(job.name)) for job in files]


def plan_of(job: JobFile, known: KnownJob | None) -> Plan:
    """Return what has to be done for a job that the workspace knows so, or not at all."""
    if known is None:
        return Plan(job, None, job.settings, differences({}, without_defaults(job.settings)))
    before = {**_KEPT, **known.settings}
    kept = {name: before[name] for name in _KEPT if job.settings.get(name) is None and before[name] is not None}
    wanted = {name: value for name, value in {**job.settings, **kept}.items() if name != "access_control_list"}
    return Plan(job, known, wanted, differences(without_defaults(before), without_defaults(wanted)))


def _show(settings: DatabricksSettings, plans: Sequence[Plan]) -> None:
    now = datetime.now(UTC)
    talk.print(f"Workspace {settings.host}", markup=False, soft_wrap=True)
    for plan in plans:
        for finding in findings_of(plan.job.settings, now):
            if finding.level is not Level.NOTE:
                talk.print(line_of(plan.job, finding), soft_wrap=True)
        known = f" (job {plan.known.id})" if plan.known else ""
        say(f"{plan.job.name}{known}: {plan.action}", style="bold")
        for change in plan.changes:
            say(f"  {redacted(change.says())}", style={"+": "green", "-": "red"}.get(change.mark, "yellow"))
    out.file.flush()


async def _applied(settings: DatabricksSettings, plans: Sequence[Plan]) -> dict[str, int | JobsError]:
    """Return the id, or what went wrong, of each job; one that is refused does not keep the others."""
    done: dict[str, int | JobsError] = {}
    async with open_jobs(settings) as jobs:
        for plan in plans:
            try:
                done[plan.job.name] = await _apply(jobs, plan)
            except JobsError as error:
                done[plan.job.name] = error
    return done


async def _apply(jobs: JobDefinitions, plan: Plan) -> int:
    if plan.known is None:
        return await jobs.create(plan.wanted)
    await jobs.reset(plan.known.id, plan.wanted)
    return plan.known.id


def _tell(done: Mapping[str, int | JobsError]) -> None:
    for name, outcome in done.items():
        if isinstance(outcome, JobsError):
            complain(f"{name}: {outcome}")
        else:
            say(f"{name}: done, job {outcome}")


def _as_json(plan: Plan, outcome: int | JobsError | None) -> dict[str, object]:
    known = plan.known.id if plan.known else None
    return {
        "file": plan.job.file,
        "name": plan.job.name,
        "job_id": outcome if isinstance(outcome, int) else known,
        "action": plan.action,
        "applied": isinstance(outcome, int),
        "error": str(outcome) if isinstance(outcome, JobsError) else None,
        "changes": [
            {
                "path": change.path,
                "change": {"+": "added", "-": "removed"}.get(change.mark, "changed"),
                "says": redacted(change.says()),
            }
            for change in plan.changes
        ],
    }
