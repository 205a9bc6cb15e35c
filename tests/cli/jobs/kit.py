"""What the tests of `landfall jobs` share: the command, and a local workspace over HTTP that it is pointed at."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cli.jobs.command import jobs as app

DATA = Path(__file__).parent / "data"
SAMPLES = Path(__file__).parents[3] / "samples"
TUTORIAL = DATA / "tutorial_etl_pipeline.json"
Json = dict[str, Any]


def landfall_jobs(*arguments: str, text: str | None = None) -> Result:
    """Run `landfall jobs`."""
    return CliRunner().invoke(app, list(arguments), input=text)


async def against(*arguments: str, text: str | None = None) -> Result:
    """Run `landfall jobs` beside the workspace that the test serves."""
    return await asyncio.to_thread(landfall_jobs, *arguments, text=text)


def a_job(*tasks: Json, **settings: Any) -> Json:
    """Return a job that nothing is to be said about but the next times of a schedule."""
    return {
        "name": "ETL",
        "queue": {"enabled": True},
        "run_as": {"service_principal_name": "692bc6d0-ffa3-11ed-be56-0242ac120002"},
        "tasks": list(tasks) or [a_task()],
        **settings,
    }


def a_task(key: str = "main", *upstream: str, **more: Any) -> Json:
    """Return a notebook task."""
    document: Json = {"task_key": key, "notebook_task": {"notebook_path": f"/Workspace/{key}"}, **more}
    return {**document, "depends_on": [{"task_key": each} for each in upstream]} if upstream else document


def written(document: object, name: str = "job.json") -> str:
    """Write a document as JSON into the current folder."""
    return saved(json.dumps(document), name)


def saved(text: str, name: str) -> str:
    """Write a file into the current folder."""
    Path(name).write_text(text, encoding="utf-8")
    return name
