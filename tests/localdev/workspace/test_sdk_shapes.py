"""Every field of every request and answer that the SDK knows has a place in docs/workspace-api.md, and it is the truth.

A newer SDK with a field of which nobody has decided anything fails here, with the field's name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.service import jobs

from localdev.workspace.scripted_runner import ScriptedRunner, failure
from tests.localdev.workspace.kit import Json, Workspace, open_without_wire, workspace_settings
from tests.localdev.workspace.sdk_shapes import TASK_KINDS, WORK, fields_of, settings_with, value_of

TEXT = (Path(__file__).parents[3] / "docs" / "workspace-api.md").read_text(encoding="utf-8")
SECTION = TEXT.split("## Every field\n", 1)[1].split("\n## ", 1)[0]
SETTINGS = (jobs.JobSettings, jobs.Task, *TASK_KINDS)
CALLS = ("create", "run_now", "submit", "repair_run", "cancel_all_runs", "list_runs", "get_run", "list", "get")
ANSWERS = (jobs.Job, jobs.Run, jobs.RunTask, jobs.RunOutput, jobs.RunState, jobs.RunStatus, jobs.RepairHistoryItem)


def row(name: str) -> list[list[str]]:
    """Return the cells of a row of the tables, as the names in each."""
    line = next(each for each in SECTION.splitlines() if each.startswith(f"| `{name}` |"))
    return [re.findall(r"`([a-z_]+)`", cell) for cell in line.strip("|").split("|")[1:]]


def parameters_of(call: str) -> list[str]:
    """Return the names of a method's parameters."""
    return list(inspect.signature(getattr(jobs.JobsAPI, call)).parameters)[1:]


@pytest.mark.parametrize("cls", [*SETTINGS, jobs.SubmitTask, *ANSWERS], ids=lambda cls: cls.__name__)
def test_every_field_has_its_place(cls: type) -> None:
    """None is missing, none is there twice, and none is there that the SDK does not know."""
    documented = [name for cell in row(cls.__name__) for name in cell]

    assert sorted(documented) == sorted(fields_of(cls))


@pytest.mark.parametrize("call", CALLS)
def test_every_parameter_has_its_place(call: str) -> None:
    """The requests that the SDK has no class for, by its methods."""
    documented = [name for cell in row(f"{call}()") for name in cell]

    assert sorted(documented) == sorted(parameters_of(call))


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Open a workspace whose tasks succeed."""
    async with open_without_wire(workspace_settings(tmp_path), runner=ScriptedRunner()) as workspace:
        yield workspace


@pytest.mark.parametrize("cls", SETTINGS, ids=lambda cls: cls.__name__)
async def test_fields_are_taken_or_refused_as_documented(quiet: Workspace, cls: type) -> None:
    """What is refused is refused by its name, and what is not comes back as it was given."""
    acted_on, kept, refused = row(cls.__name__)

    for name in [*acted_on, *kept]:
        made = await quiet.post("create", settings_with(cls, name))
        assert made.status_code == 200, f"{name}: {made.text}"
        shown = (await quiet.get("get", job_id=made.json()["job_id"])).json()["settings"]
        assert contains(value_at(shown, cls, name), value_of(cls, name)), f"{name} is not shown: {shown}"
    for name in refused:
        answer = await quiet.post("create", settings_with(cls, name))
        assert (answer.status_code, name in answer.json().get("message", "")) == (400, True), f"{name}: {answer.text}"


@pytest.mark.parametrize("refused", row("SubmitTask")[2])
async def test_submitted_tasks_are_refused_alike(quiet: Workspace, refused: str) -> None:
    """The tasks of runs/submit are those of jobs."""
    (*_, task) = settings_with(jobs.SubmitTask, refused)["tasks"]

    answer = await quiet.post("runs/submit", {"tasks": [task]})

    assert (answer.status_code, refused in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize("name", [*row("submit()")[0], *row("submit()")[1]])
async def test_submit_takes_what_it_is_documented_to_take(quiet: Workspace, name: str) -> None:
    """Each parameter alone, with a value of its type."""
    values: Json = {
        "access_control_list": [{"user_name": "x", "permission_level": "CAN_VIEW"}],
        "idempotency_token": "t",
        "run_name": "x",
    }
    value = values[name] if name in values else value_of(jobs.JobSettings, name)

    answer = await quiet.post("runs/submit", {"tasks": [{"task_key": "x", **_notebook()}], name: value})

    assert answer.status_code == 200, answer.text


async def test_answers_hold_what_is_documented(tmp_path: Path) -> None:
    """A run that failed, was repaired and succeeded, with everything asked for, says no more and no less."""
    runner = ScriptedRunner({"x": [failure("x"), failure("x")]})
    async with open_without_wire(workspace_settings(tmp_path), runner=runner) as workspace:
        everything = {name: value for name in row("Task")[1] for value in [value_of(jobs.Task, name)]}
        first = {"task_key": "x", **_notebook({"k": "v"}), **everything}
        clusters = value_of(jobs.JobSettings, "job_clusters")
        settings: Json = {"description": "x", "job_clusters": clusters, "parameters": [{"name": "p", "default": "d"}]}
        trigger = {"file_arrival": {"url": f"file://{tmp_path}"}, "pause_status": "PAUSED"}
        job_id = await workspace.create(first, trigger=trigger, **settings)
        run_id = await workspace.run_now(job_id, job_parameters={"p": "q"})
        await workspace.ended(run_id)
        await workspace.post(
            "runs/repair", {"run_id": run_id, "rerun_all_failed_tasks": True, "notebook_params": {"k": "w"}}
        )
        await workspace.ended(run_id)
        asked = {"include_history": "true", "include_resolved_values": "true"}
        run = (await workspace.get("runs/get", run_id=run_id, **asked)).json()
        job = (await workspace.get("get", job_id=job_id, include_trigger_state="true")).json()
        output = (await workspace.get("runs/get-output", run_id=run["tasks"][-1]["run_id"])).json()

    seen = {
        jobs.Job: set(job),
        jobs.Run: set(run),
        jobs.RunTask: {name for task in run["tasks"] for name in task},
        jobs.RunOutput: set(output),
        jobs.RunState: set(run["state"]),
        jobs.RunStatus: set(run["status"]),
        jobs.RepairHistoryItem: {name for item in run["repair_history"] for name in item},
    }
    for cls, names in seen.items():
        given, never = row(cls.__name__)
        assert names & set(fields_of(cls)) <= set(given), cls.__name__
        assert not names & set(never), cls.__name__


def _notebook(parameters: Json | None = None) -> Json:
    return {"notebook_task": {**WORK["notebook_task"], **({"base_parameters": parameters} if parameters else {})}}


def value_at(settings: Json, cls: type, name: str) -> Any:
    """Return a field of a dataclass where jobs/get shows it."""
    if cls is jobs.JobSettings:
        return settings[name]
    task = settings["tasks"][-1]
    return task[TASK_KINDS[cls]][name] if cls in TASK_KINDS else task[name]


def contains(shown: Any, given: Any) -> bool:
    """Tell whether what is shown has all that was given; defaults may have come with it."""
    if isinstance(given, dict):
        return isinstance(shown, dict) and all(contains(shown.get(key), value) for key, value in given.items())
    if isinstance(given, list):
        return len(shown) == len(given) and all(map(contains, shown, given))
    return bool(shown == given)
