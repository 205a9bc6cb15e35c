"""Azure Data Factory's part: a pipeline of Databricks activities, played against a workspace.

What the activities are made of: https://learn.microsoft.com/azure/data-factory/transform-data-databricks-notebook and
https://learn.microsoft.com/azure/data-factory/transform-data-databricks-jar. That they ask runs/submit and look at
runs/get is told by https://www.drware.com/leverage-azure-databricks-jobs-orchestration-from-azure-data-factory/;
which version of the API and which form of the request they use is not documented, so that both are choices here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import requests

from tests.fakes.waiting import block_until
from tests.localdev.workspace.kit import Json

_FORMAT_TIME = re.compile(r"@\{?formatDateTime\(pipeline\(\)\.TriggerTime, *'([^']*)'\)\}?")
_OUTPUT = re.compile(r"@\{?activity\('([^']*)'\)\.output\.runOutput\}?")
# .NET's letters, as far as dates and times of day go: formatDateTime takes them.
_LETTERS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}


class Status(StrEnum):
    """What became of an activity."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"


@dataclass(frozen=True, kw_only=True)
class ActivityRun:
    """One activity of a pipeline run."""

    status: Status
    run_id: int = 0
    output: str = ""  # runOutput: what a notebook left with
    error: str = ""


class InvalidPipeline(Exception):
    """A property that an activity must have is missing, so that the pipeline cannot be published."""


@dataclass(frozen=True, kw_only=True)
class DataFactory:
    """Runs the Databricks activities of pipelines in the workspace of its one linked service."""

    host: str
    headers: Mapping[str, str] = field(repr=False)
    linked_service: str = "DatabricksLinkedService"
    cluster: Json = field(default_factory=lambda: {"existing_cluster_id": "0923-164208-meows279"})
    version: str = "2.1"
    with_tasks: bool = False  # the newer form of runs/submit, with an array of tasks

    def run(self, pipeline: Json, trigger_time: datetime) -> dict[str, ActivityRun]:
        """Run a pipeline to its end; `trigger_time` is when its trigger fired, in UTC.

        Activities come after those that they depend on. Raises InvalidPipeline.
        """
        check(pipeline)
        runs: dict[str, ActivityRun] = {}
        for activity in pipeline["properties"]["activities"]:
            if _is_due(activity.get("dependsOn", []), runs):
                runs[activity["name"]] = self._activity(_evaluated(activity, trigger_time, runs), pipeline["name"])
            else:
                runs[activity["name"]] = ActivityRun(status=Status.SKIPPED)
        return runs

    def _activity(self, activity: Json, pipeline: str) -> ActivityRun:
        name = f"ADF_factory_{pipeline}_{activity['name']}"
        answer = self._post("runs/submit", self._request(name, {**_work(activity), **self.cluster}))
        if answer.status_code != 200:
            return ActivityRun(status=Status.FAILED, error=answer.json()["message"])
        run_id = answer.json()["run_id"]
        block_until(lambda: bool(self._get("runs/get", run_id)["end_time"]), 60)
        run = self._get("runs/get", run_id)
        output = self._get("runs/get-output", run["tasks"][0]["run_id"])
        return ActivityRun(
            status=Status.SUCCEEDED if run["state"].get("result_state") == "SUCCESS" else Status.FAILED,
            run_id=run_id,
            output=output.get("notebook_output", {}).get("result", ""),
            error=output.get("error", ""),
        )

    def _request(self, name: str, task: Json) -> Json:
        if self.with_tasks:
            return {"run_name": name, "tasks": [{"task_key": "activity", **task}]}
        return {"run_name": name, **task}

    def _post(self, endpoint: str, body: Json) -> requests.Response:
        return requests.post(f"{self._api}/{endpoint}", headers=self.headers, json=body, timeout=20)

    def _get(self, endpoint: str, run_id: int) -> Json:
        answer = requests.get(f"{self._api}/{endpoint}", headers=self.headers, params={"run_id": run_id}, timeout=20)
        return dict(answer.json())

    @property
    def _api(self) -> str:
        return f"{self.host}/api/{self.version}/jobs"


def check(pipeline: Json) -> None:
    """Raise InvalidPipeline when an activity lacks what the documents above call required."""
    missing = []
    for activity in pipeline["properties"]["activities"]:
        wanted = [
            "linkedServiceName",
            *(["typeProperties.libraries"] if activity["type"] == "DatabricksSparkJar" else []),
        ]
        has = {"linkedServiceName": activity, "typeProperties.libraries": activity["typeProperties"]}
        missing += [f"{activity['name']}.{name}" for name in wanted if not has[name].get(name.rpartition(".")[2])]
    if missing:
        raise InvalidPipeline(f"required and missing: {', '.join(missing)}")


def _is_due(depends_on: Sequence[Json], runs: Mapping[str, ActivityRun]) -> bool:
    """Tell whether all conditions hold; Completed is Succeeded or Failed.

    https://learn.microsoft.com/azure/data-factory/concepts-pipelines-activities#activity-dependency
    """
    for dependency in depends_on:
        status, wanted = runs[dependency["activity"]].status, dependency["dependencyConditions"]
        if status not in wanted and not ("Completed" in wanted and status is not Status.SKIPPED):
            return False
    return True


def _work(activity: Json) -> Json:
    """Return the task that an activity asks for."""
    given = activity["typeProperties"]
    libraries = {"libraries": given["libraries"]} if given.get("libraries") else {}
    if activity["type"] == "DatabricksNotebook":
        work = {"notebook_path": given["notebookPath"], "base_parameters": given.get("baseParameters", {})}
        return {"notebook_task": work, **libraries}
    work = {"main_class_name": given["mainClassName"], "parameters": given.get("parameters", [])}
    return {"spark_jar_task": work, **libraries}


def _evaluated(value: Any, trigger_time: datetime, runs: Mapping[str, ActivityRun]) -> Any:
    """Return a document with its expressions evaluated: those of the trigger's time and of activities' outputs."""
    if isinstance(value, dict):
        return {name: _evaluated(each, trigger_time, runs) for name, each in value.items()}
    if isinstance(value, list):
        return [_evaluated(each, trigger_time, runs) for each in value]
    if not isinstance(value, str):
        return value
    text = _FORMAT_TIME.sub(lambda found: trigger_time.strftime(_strftime(found[1])), value)
    return _OUTPUT.sub(lambda found: runs[found[1]].output, text)


def _strftime(pattern: str) -> str:
    return re.sub("|".join(_LETTERS), lambda found: _LETTERS[found[0]], pattern)
