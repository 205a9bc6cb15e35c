"""Section 4 of the tutorial: sequential, parallel, fan-in and conditional dependencies, and the complex workflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.localdev.workspace.kit import Json, job, notebook
from tests.localdev.workspace.tutorial.tutorial_kit import Client, Place, document, mended_workflow

SPAN = tuple[int, int]


@pytest.fixture(autouse=True)
def _notebooks(place: Place) -> None:
    """Put the notebooks of A, B, C and D where jobs look for them."""
    for key in "ABCD":
        notebook(place.notebooks, key, f"dbutils.notebook.exit({key!r})")
    notebook(place.notebooks, "fails", "raise RuntimeError('A has failed')")


def task(key: str, *upstream: str, notebook_path: str = "", **more: str) -> Json:
    """Return a task as the tutorial writes them."""
    depends_on = [{"task_key": each} for each in upstream]
    return {
        "task_key": key,
        "depends_on": depends_on,
        "notebook_task": {"notebook_path": notebook_path or f"/{key}"},
        **more,
    }


def ran(client: Client, *tasks: Json) -> Json:
    """Return the run of a job with these tasks, once it has ended."""
    return client.ended(client.run_now(client.create(job(*tasks))))


def spans(run: Json) -> dict[str, SPAN]:
    """Return when each task of a run began and ended."""
    return {task["task_key"]: (task["start_time"], task["end_time"]) for task in run["tasks"]}


def follows(run: Json, later: str, *earlier: str) -> bool:
    """Tell whether a task began after others had ended."""
    found = spans(run)
    return all(found[later][0] >= found[each][1] for each in earlier)


def test_sequential_tasks_wait(client: Client) -> None:
    """A → B."""
    run = ran(client, task("A"), task("B", "A"))

    assert client.results(run) == {"A": "SUCCESS", "B": "SUCCESS"}
    assert follows(run, "B", "A")


def test_parallel_tasks_run_side_by_side(client: Client, place: Place, tmp_path: Path) -> None:
    """A → B and C: each of them waits in its notebook until the other has begun."""
    for own, other in ("BC", "CB"):
        notebook(
            place.notebooks,
            own,
            "import time\nfrom pathlib import Path",
            f"Path({str(tmp_path / own)!r}).touch()",
            "deadline = time.monotonic() + 20",
            f"while not Path({str(tmp_path / other)!r}).exists():\n"
            "    assert time.monotonic() < deadline\n    time.sleep(0.02)",
        )
    run = ran(client, task("A"), task("B", "A"), task("C", "A"))

    assert client.results(run) == {"A": "SUCCESS", "B": "SUCCESS", "C": "SUCCESS"}
    assert follows(run, "B", "A")
    assert follows(run, "C", "A")


def test_fan_in_waits_for_all(client: Client) -> None:
    """B and C → D."""
    run = ran(client, task("B"), task("C"), task("D", "B", "C"))

    assert client.results(run) == {"B": "SUCCESS", "C": "SUCCESS", "D": "SUCCESS"}
    assert follows(run, "D", "B", "C")


@pytest.mark.parametrize(
    ("path", "results", "result"),
    [
        ("/A", {"A": "SUCCESS", "B": "SUCCESS", "C": "EXCLUDED"}, "SUCCESS"),
        ("/fails", {"A": "FAILED", "B": "UPSTREAM_FAILED", "C": "SUCCESS"}, "FAILED"),
    ],
)
def test_conditional_tasks_follow_success_or_failure(
    client: Client, path: str, results: dict[str, str], result: str
) -> None:
    """If A succeeds B runs, and C if it fails: `run_if` says that, which the tutorial only draws."""
    run = ran(client, task("A", notebook_path=path), task("B", "A"), task("C", "A", run_if="AT_LEAST_ONE_FAILED"))

    assert client.results(run) == results
    assert run["state"]["result_state"] == result


@pytest.mark.parametrize(("rows", "runs", "left_out"), [("12", "B", "C"), ("0", "C", "B")])
def test_conditional_tasks_follow_a_value(client: Client, place: Place, rows: str, runs: str, left_out: str) -> None:
    """A condition task looks at what A has found, and its outcome decides between B and C."""
    notebook(place.notebooks, "counts", f"dbutils.jobs.taskValues.set('rows', {rows})")
    condition = {"op": "GREATER_THAN", "left": "{{tasks.A.values.rows}}", "right": "0"}
    looks: Json = {"task_key": "rows", "depends_on": [{"task_key": "A"}], "condition_task": condition}
    branches = [
        {**task(key), "depends_on": [{"task_key": "rows", "outcome": outcome}]}
        for key, outcome in (("B", "true"), ("C", "false"))
    ]
    run = ran(client, task("A", notebook_path="/counts"), looks, *branches)

    assert client.results(run) == {"A": "SUCCESS", "rows": "SUCCESS", runs: "SUCCESS", left_out: "EXCLUDED"}


def test_complex_workflow_lacks_a_wheel(client: Client, tmp_path: Path) -> None:
    """As the tutorial gives it, all notebooks run, and the report fails: no library of it has the package."""
    job_id = client.create(document("complex_etl_pipeline"))
    run = client.ended(client.run_now(job_id, notebook_params={"lake": str(tmp_path / "lake")}))
    results = client.results(run)

    assert results.pop("send_report") == "FAILED"
    assert set(results.values()) == {"SUCCESS"}
    assert len(results) == 7
    assert "The package 'reporting' is not installed" in client.output(run, "send_report")["error"]


def test_complex_workflow_runs_in_its_order(client: Client, tmp_path: Path) -> None:
    """With its wheel all eight tasks succeed, none before those that it depends on, and the report is written."""
    workflow = mended_workflow(tmp_path / "lake")
    run = client.ended(client.run_now(client.create(workflow)))

    assert list(client.results(run).values()) == ["SUCCESS"] * 8
    for each in workflow["tasks"]:
        assert follows(run, each["task_key"], *(upstream["task_key"] for upstream in each.get("depends_on", [])))
    assert "Best customer: ada (105.25)" in client.output(run, "send_report")["logs"]
