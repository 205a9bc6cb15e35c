"""The tutorial's own requests and documents, and a workspace to put them to.

What the tests call "the tutorial" is a lesson about Databricks Workflows: its four JSON documents are in `data/` (the
first in `tests/cli/jobs/data/`) as it gives them, and `Client` makes its requests, with the same library.
"""

from __future__ import annotations

import asyncio
import copy
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from localdev.workspace.app import create_app
from localdev.workspace.faults import FaultPlan
from localdev.workspace.server import running
from localdev.workspace.settings import WorkspaceSettings
from samples.tutorial.build_wheels import HERE as SAMPLE
from samples.tutorial.build_wheels import build
from tests.cli.jobs.kit import SAMPLES, TUTORIAL
from tests.fakes.waiting import block_until
from tests.localdev.workspace.kit import TOKEN, Json
from tests.localdev.workspace.notifications.kit import HttpReceiver, http_receiver

DATA = Path(__file__).parent / "data"
TODAY = "{{job.start_time.iso_date}}"
SECONDS = 60.0


def document(name: str) -> Json:
    """Return a JSON document of the tutorial, as it gives it."""
    return dict(json.loads((DATA / f"{name}.json").read_text(encoding="utf-8")))


def job_config() -> Json:
    """Return the job of the tutorial's third section, as it gives it."""
    return dict(json.loads(TUTORIAL.read_text(encoding="utf-8")))


def replaced(value: Any, old: str, new: str) -> Any:
    """Return a document with one text for another, wherever it occurs."""
    if isinstance(value, dict):
        return {name: replaced(each, old, new) for name, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, old, new) for each in value]
    return value.replace(old, new) if isinstance(value, str) else value


def mended_job_config(lake: Path) -> Json:
    """Return the tutorial's first job without its mistakes, for the samples' notebooks, wheel and query."""
    mended: Json = replaced(job_config(), "{{job.start_date}}", TODAY)
    ingest, transform, checks, publish = mended["tasks"]
    del ingest["new_cluster"]["num_workers"]
    checks["existing_cluster_id"] = "0923-164208-meows279"
    checks["libraries"] = [{"whl": "/Workspace/wheels/data_quality-1.0.0-py3-none-any.whl"}]
    checks["python_wheel_task"]["parameters"] += ["--lake", str(lake)]
    publish["sql_task"] |= {"query": {"query_id": "publish_analytics"}, "warehouse_id": "1234567890abcdef"}
    publish["sql_task"]["parameters"] = {"orders": f"{lake}/clean/{TODAY}/orders.csv"}
    for task in (ingest, transform):
        task["notebook_task"]["base_parameters"]["lake"] = str(lake)
    mended["schedule"]["quartz_cron_expression"] = "0 0 3 * * ?"
    mended["queue"] = {"enabled": True}
    return mended


def mended_workflow(lake: Path) -> Json:
    """Return the tutorial's complex workflow with what its last task needs, for the samples' notebooks and wheel."""
    mended = document("complex_etl_pipeline")
    mended["parameters"] = [{"name": "lake", "default": str(lake)}, {"name": "date", "default": TODAY}]
    report = mended["tasks"][-1]
    report["libraries"] = [{"whl": "/Workspace/wheels/reporting-1.0.0-py3-none-any.whl"}]
    where = ["--date", "{{job.parameters.date}}", "--lake", "{{job.parameters.lake}}"]
    report["python_wheel_task"]["parameters"] = where
    return {**mended, "queue": {"enabled": True}}


@dataclass(frozen=True, kw_only=True)
class Client:
    """The tutorial's requests: Jobs API 2.1, a bearer token, and `requests`."""

    host: str
    token: str = TOKEN

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of all requests."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    def post(self, endpoint: str, body: Json, *, timeout: float = SECONDS) -> requests.Response:
        """Return the answer to a POST to the Jobs API."""
        url = f"{self.host}/api/2.1/jobs/{endpoint}"
        return requests.post(url, headers=self.headers, json=body, timeout=timeout)

    def get(self, endpoint: str, **query: Any) -> Json:
        """Return what a GET of the Jobs API answers."""
        url = f"{self.host}/api/2.1/jobs/{endpoint}"
        return dict(requests.get(url, headers=self.headers, params=query, timeout=SECONDS).json())

    def create(self, config: Json) -> int:
        """Create a job as the tutorial does; return its id."""
        return int(self.post("create", config).json()["job_id"])

    def run_now(self, job_id: int, **more: Any) -> int:
        """Start a run as the tutorial does; return its id."""
        return int(self.post("run-now", {"job_id": job_id, **more}).json()["run_id"])

    def run(self, run_id: int) -> Json:
        """Return a run as the tutorial asks for it."""
        return self.get("runs/get", run_id=run_id)

    def once(self, run_id: int, condition: Callable[[Json], bool]) -> Json:
        """Return a run once something is true of it."""
        block_until(lambda: condition(self.run(run_id)), SECONDS)
        return self.run(run_id)

    def ended(self, run_id: int) -> Json:
        """Return a run once it has ended."""
        return self.once(run_id, lambda run: bool(run["end_time"]))

    def running(self, run_id: int) -> Json:
        """Return a run once a task of it runs."""
        return self.once(run_id, lambda run: run["state"]["life_cycle_state"] == "RUNNING")

    def results(self, run: Json) -> dict[str, str]:
        """Return the results of a run's tasks by their keys."""
        return {task["task_key"]: task["state"]["result_state"] for task in run["tasks"]}

    def output(self, run: Json, task_key: str) -> Json:
        """Return the output of a task of a run."""
        (task_run,) = [task["run_id"] for task in run["tasks"] if task["task_key"] == task_key]
        return self.get("runs/get-output", run_id=task_run)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A workspace at work with the samples' notebooks, a receiver of webhooks, and faults to plan."""

    client: Client
    folder: Path
    hooks: HttpReceiver
    faults: FaultPlan

    @property
    def notebooks(self) -> Path:
        """Return what /Workspace stands for."""
        return self.folder / "notebooks"


@contextmanager
def tutorial_place(folder: Path, settings: WorkspaceSettings) -> Iterator[Place]:
    """Serve a workspace and a receiver of webhooks in a thread of their own: `requests` blocks."""
    ignored = shutil.ignore_patterns("wheels", "__pycache__")
    shutil.copytree(SAMPLES / "notebooks", settings.notebooks, ignore=ignored, dirs_exist_ok=True)
    for project in (SAMPLE / "wheels").iterdir():
        build(project, settings.notebooks / "wheels")
    plan = FaultPlan()
    found: list[tuple[str, HttpReceiver, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        async with http_receiver() as hooks, running(create_app(settings, faults=plan)) as url:
            found.append((url, hooks, asyncio.get_running_loop(), asyncio.Event()))
            await found[0][3].wait()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    try:
        block_until(lambda: bool(found) or not thread.is_alive())
        yield Place(client=Client(host=found[0][0]), folder=folder, hooks=found[0][1], faults=plan)
    finally:
        if found:
            found[0][2].call_soon_threadsafe(found[0][3].set)
        thread.join()


def without(value: Json, *names: str) -> Json:
    """Return a copy of a document without some of its fields."""
    return copy.deepcopy({name: each for name, each in value.items() if name not in names})
