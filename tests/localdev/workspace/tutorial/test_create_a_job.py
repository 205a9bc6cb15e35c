"""Sections 2 and 3 of the tutorial: a job is created through the API and run."""

from __future__ import annotations

import csv
import json
import os
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.jobs.checks import findings_of
from cli.rules.check.findings import Level
from tests.localdev.workspace.kit import START, Json, job
from tests.localdev.workspace.tutorial.tutorial_kit import Client, Place, job_config, mended_job_config, replaced

# What the tutorial's table of task types names, each as little of it as there can be.
TYPES: dict[str, Json] = {
    "Notebook": {"notebook_task": {"notebook_path": "/ETL/00_Validate"}},
    "Python script": {"spark_python_task": {"python_file": "/Workspace/report.py"}},
    "JAR": {"spark_jar_task": {"main_class_name": "com.company.etl.MainApp"}},
    "Python wheel": {"python_wheel_task": {"package_name": "data_quality", "entry_point": "run_checks"}},
    "SQL": {"sql_task": {"query": {"query_id": "q"}, "warehouse_id": "w"}},
    "dbt": {"dbt_task": {"project_directory": "/Workspace/dbt", "commands": ["dbt run"]}},
    "Delta Live Tables": {"pipeline_task": {"pipeline_id": "p"}},
}


def test_job_config_is_taken_as_it_is(client: Client) -> None:
    """All that the tutorial sets is kept, and its mistakes are no reason to refuse the job."""
    answer = client.post("create", job_config())
    assert answer.status_code == 200, answer.text
    settings = client.get("get", job_id=answer.json()["job_id"])["settings"]

    for task in settings["tasks"]:
        task.get("notebook_task", {}).pop("source", None)  # WORKSPACE, which the API adds
    pairs = zip(settings["tasks"], job_config()["tasks"], strict=True)
    kept = [{name: task[name] for name in given} for task, given in pairs]
    assert {**{name: settings[name] for name in job_config()}, "tasks": kept} == job_config()


@pytest.mark.parametrize("name", TYPES)
def test_task_types_of_the_table_are_taken(client: Client, name: str) -> None:
    """The workspace knows each type of task that the tutorial's table names."""
    answer = client.post("create", job({"task_key": "main", **TYPES[name]}))

    assert answer.status_code == 200, answer.text


def test_wrong_reference_fails_the_run(client: Client) -> None:
    """`{{job.start_date}}` does not exist: the first task says so and is not tried again, the others do not run."""
    run = client.ended(client.run_now(client.create(job_config())))

    message = "The reference `{{job.start_date}}` does not exist. Did you mean `{{job.start_time.iso_date}}`?"
    assert run["state"]["result_state"] == "FAILED"
    assert client.results(run) == {
        "ingest_raw_data": "FAILED",
        "transform_data": "UPSTREAM_FAILED",
        "data_quality_checks": "UPSTREAM_FAILED",
        "publish_analytics": "UPSTREAM_FAILED",
    }
    assert message in run["state"]["state_message"]
    assert [task["attempt_number"] for task in run["tasks"]] == [0, 0, 0, 0]
    assert client.output(run, "ingest_raw_data")["error"] == message


def test_right_reference_is_the_day_of_the_run(client: Client, tmp_path: Path) -> None:
    """With that one mistake mended the ingestion runs, and its notebook gets today's date."""
    config = replaced(job_config(), "{{job.start_date}}", "{{job.start_time.iso_date}}")
    config["tasks"] = config["tasks"][:1]
    job_id = client.create(config)
    run = client.ended(client.run_now(job_id, notebook_params={"lake": str(tmp_path / "lake")}))
    resolved = client.get("runs/get", run_id=run["run_id"], include_resolved_values="true")["tasks"][0]

    day = datetime.fromtimestamp(run["start_time"] / 1000, UTC).date().isoformat()
    assert client.results(run) == {"ingest_raw_data": "SUCCESS"}
    assert resolved["resolved_values"]["notebook_task"]["base_parameters"]["date"] == day
    assert [path.parent.name for path in (tmp_path / "lake").glob("raw/*/orders.csv")] == [day]


def test_placeholders_are_not_filled_in_by_anybody(client: Client, tmp_path: Path) -> None:
    """`<query-id>` is taken when the job is created, and no query when its task runs."""
    config = mended_job_config(tmp_path / "lake")
    publish = {**config["tasks"][3], "depends_on": [], "sql_task": job_config()["tasks"][3]["sql_task"]}
    run = client.ended(client.run_now(client.create({**config, "tasks": [publish]})))

    assert client.results(run) == {"publish_analytics": "FAILED"}
    assert "<query-id>" in client.output(run, "publish_analytics")["error"]


def test_library_of_the_index_is_not_fetched(client: Client) -> None:
    """`great-expectations==0.18.0` would come from a package index, which the workspace asks only when it may."""
    config = replaced(job_config(), "{{job.start_date}}", "{{job.start_time.iso_date}}")
    checks = {**config["tasks"][2], "depends_on": []}
    run = client.ended(client.run_now(client.create({**config, "tasks": [checks]})))

    (task,) = run["tasks"]
    assert task["status"]["termination_details"]["code"] == "LIBRARY_INSTALLATION_ERROR"
    assert "great-expectations==0.18.0" in task["state"]["state_message"]
    assert "--install-libraries" in task["state"]["state_message"]


def test_mended_job_runs_to_its_end(client: Client, place: Place, tmp_path: Path) -> None:
    """Notebooks, wheel and query work on the same day of the same lake, one after the other."""
    if find_spec("duckdb") is None and not os.environ.get("CI"):
        pytest.skip("SQL tasks need duckdb")
    lake = tmp_path / "lake"
    run = client.ended(client.run_now(client.create(mended_job_config(lake))))

    assert set(client.results(run).values()) == {"SUCCESS"}, [client.output(run, key) for key in client.results(run)]
    assert run["tasks"][0]["new_cluster"]["autoscale"] == {"min_workers": 2, "max_workers": 8}
    (clean,) = lake.glob("clean/*/orders.csv")
    assert len(list(csv.DictReader(clean.read_text(encoding="utf-8").splitlines()))) == 4
    (quality,) = lake.glob("quality/*.json")
    assert json.loads(quality.read_text(encoding="utf-8"))["failed"] == []
    assert "2026-11-21" in client.output(run, "publish_analytics")["logs"]
    assert (place.folder / "data" / "warehouse.duckdb").is_file()


def codes(config: Json) -> list[str]:
    """Return the errors and warnings of `landfall jobs check` about a job."""
    return [each.code for each in findings_of(config, START) if each.level is not Level.NOTE]


def test_check_finds_each_mistake(tmp_path: Path) -> None:
    """Before anything runs, `landfall jobs check` names all that is wrong, and nothing in the mended job."""
    assert codes(job_config()) == [
        *["unknown-reference"] * 3,
        "cluster-size",
        "cron-clock-change",
        "queue-off",
        *["placeholder"] * 3,
    ]
    assert codes(mended_job_config(tmp_path)) == []


@pytest.mark.parametrize("kept", ["num_workers", "autoscale"])
def test_cluster_has_one_size(kept: str) -> None:
    """Either of `num_workers` and `autoscale` is right, both are not."""
    config = job_config()
    cluster = config["tasks"][0]["new_cluster"]
    del cluster[{"num_workers": "autoscale", "autoscale": "num_workers"}[kept]]

    assert "cluster-size" in codes(job_config())
    assert "cluster-size" not in codes(config)


def test_api_2_1_makes_jobs_without_a_queue(client: Client, place: Place, tmp_path: Path) -> None:
    """Its second run is skipped, although run-now answers 200; with `queue` in the job the run waits."""
    waits = place.notebooks / "waits.py"
    waits.write_text(
        "# Databricks notebook source\nimport time\nfrom pathlib import Path\n"
        f"while not Path({str(tmp_path / 'go')!r}).exists():\n    time.sleep(0.02)\n"
    )
    config = job({"task_key": "main", "notebook_task": {"notebook_path": "/waits"}})
    lossy, patient = client.create(config), client.create({**config, "queue": {"enabled": True}})
    first = {job_id: client.run_now(job_id) for job_id in (lossy, patient)}
    for run_id in first.values():
        client.running(run_id)
    second = {job_id: client.post("run-now", {"job_id": job_id}) for job_id in (lossy, patient)}
    (tmp_path / "go").touch()
    skipped, waited = (client.ended(second[job_id].json()["run_id"]) for job_id in (lossy, patient))

    assert second[lossy].status_code == second[patient].status_code == 200
    assert skipped["state"]["life_cycle_state"] == "SKIPPED"
    assert skipped["state"]["state_message"] == (
        "Skipping this run because the limit of 1 maximum concurrent runs has been reached."
    )
    assert waited["state"]["result_state"] == "SUCCESS"
