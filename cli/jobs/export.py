"""`landfall jobs export`: a workspace's jobs as the files that `landfall jobs apply` takes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.jobs.defaults import without_defaults
from cli.jobs.workspace import databricks_settings, job_of, open_jobs
from cli.jobs.yaml_text import yaml_of
from cli.unusable import unusable_exits

# What people look for at first; the rest follows as the workspace tells it, the tasks at the end.
_FIRST = ("name", "description", "schedule", "trigger", "continuous", "max_concurrent_runs", "queue", "parameters")


class Form(StrEnum):
    """The language of the file."""

    YAML = "yaml"
    JSON = "json"


def export(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="Jobs, by name or by id.")],
    form: Annotated[Form, typer.Option("--format", help="The language of the file.")] = Form.YAML,
) -> None:
    """Write jobs of the workspace as a file: without ids, times, and what a workspace adds by itself.

    The file goes to standard output, and `landfall jobs apply` of it finds the jobs unchanged.

    $ landfall jobs export "CSV Profile" > csv_profile.yaml

    Exit status 0, or 2 where a job cannot be had.
    """
    with unusable_exits():
        found = asyncio.run(_settings_of(jobs))
    document: Any = found[0] if len(found) == 1 else found
    text = json.dumps(document, indent=2, ensure_ascii=True) + "\n" if form is Form.JSON else yaml_of(document)
    sys.stdout.write(text)


async def _settings_of(references: Sequence[str]) -> list[dict[str, Any]]:
    async with open_jobs(databricks_settings()) as jobs:
        return [as_file((await job_of(jobs, reference)).settings) for reference in references]


def as_file(settings: Any) -> dict[str, Any]:
    """Return a job's settings as a file holds them.

    The queue is always named: whether it is on without that depends on who creates the job, and how.
    """
    found = without_defaults(settings)
    found.setdefault("queue", {"enabled": False})
    names = [name for name in _FIRST if name in found]
    names += [name for name in found if name not in names and name != "tasks"]
    return {name: found[name] for name in [*names, *(["tasks"] if "tasks" in found else [])]}
