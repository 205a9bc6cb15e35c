"""`landfall jobs check`: what is wrong with jobs, before they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from cli.jobs.checks import findings_of
from cli.jobs.files import JobFile, read_jobs
from cli.jobs.findings import Finding
from cli.output import out, show_json, talk
from cli.rules.check.findings import Level, one_line
from cli.unusable import unusable_exits


class Format(StrEnum):
    """In which form findings are written."""

    TEXT = "text"
    JSON = "json"


_COLOURS = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.NOTE: "cyan"}
Checked = Sequence[tuple[JobFile, Sequence[Finding]]]


def check(
    files: Annotated[list[str], typer.Argument(help="Files of jobs, JSON or YAML; `-` is standard input.")],
    form: Annotated[Format, typer.Option("--format", help="How findings are written.")] = Format.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 for warnings too.")] = False,
) -> None:
    """Find what is wrong with jobs: queue, references, cron expressions, clusters, notifications. Asks no workspace.

    $ landfall jobs check --strict samples/tutorial/*.yaml

    Exit status 0: nothing wrong; 1: errors (with --strict warnings too); 2: a file cannot be read.
    """
    with unusable_exits():
        jobs = [job for file in files for job in read_jobs(file)]
    now = datetime.now(UTC)
    checked = [(job, findings_of(job.settings, now)) for job in jobs]
    counts = Counter(finding.level for _, found in checked for finding in found)
    if form is Format.JSON:
        show_json(_as_json(checked, counts))
    else:
        for job, found in checked:
            for finding in found:
                out.print(line_of(job, finding), soft_wrap=True)
        talk.print(_summary(len(checked), counts), markup=False)
    raise typer.Exit(1 if counts[Level.ERROR] or (strict and counts[Level.WARNING]) else 0)


def line_of(job: JobFile, finding: Finding) -> Text:
    """Return a finding as compilers write it: file: job: path: level[code]: message, nothing of it obeyed."""
    place = ": ".join(one_line(each) for each in (job.file, job.name, finding.path) if each)
    return Text.assemble(
        f"{place}: ", (f"{finding.level}[{finding.code}]", _COLOURS[finding.level]), f": {one_line(finding.message)}"
    )


def _as_json(checked: Checked, counts: Counter[Level]) -> dict[str, object]:
    return {
        "jobs": [{"file": job.file, "name": job.name} for job, _ in checked],
        "summary": {level.value: counts[level] for level in Level},
        "findings": [
            {
                "level": finding.level.value,
                "code": finding.code,
                "message": finding.message,
                "file": job.file,
                "job": job.name,
                "path": finding.path or None,
            }
            for job, found in checked
            for finding in found
        ],
    }


def _summary(jobs: int, counts: Counter[Level]) -> str:
    says = ", ".join(f"{counts[level]} {level}{'' if counts[level] == 1 else 's'}" for level in Level if counts[level])
    return f"{jobs} job{'' if jobs == 1 else 's'} checked: {says or 'nothing to say'}."
