"""Section 7 of the tutorial: Azure Data Factory runs a notebook and then a jar."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.java import jar_of
from tests.localdev.workspace.kit import Json, notebook
from tests.localdev.workspace.tutorial.data_factory import DataFactory, InvalidPipeline, Status
from tests.localdev.workspace.tutorial.tutorial_kit import Client, Place, document

NIGHT = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)  # 02:00 in Paris, when the tutorial's own schedule fires
# Half past midnight on the 22nd in Paris; TriggerTime is in UTC.
# https://learn.microsoft.com/azure/data-factory/control-flow-system-variables
PAST_MIDNIGHT = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
MAIN_APP = """
package com.company.etl;
public class MainApp {
    public static void main(String[] arguments) {
        System.out.println("MainApp " + String.join(" ", arguments));
    }
}
"""


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a jar with the class that the tutorial names."""
    return jar_of(MAIN_APP, "MainApp", tmp_path_factory.mktemp("jar"))


@pytest.fixture(autouse=True)
def _files(place: Place, jar: Path) -> None:
    """Put the notebook and the jar of the pipeline where its activities look for them."""
    shutil.copy(jar, place.notebooks / "etl.jar")
    notebook(
        place.notebooks,
        "ETL/Transform",
        "if dbutils.widgets.get('environment') == 'broken':\n    raise RuntimeError('broken environment')",
        'dbutils.notebook.exit(dbutils.widgets.get("date") + " " + dbutils.widgets.get("environment"))',
    )


@pytest.fixture
def factory(client: Client) -> DataFactory:
    """Return a factory whose linked service is the workspace."""
    return DataFactory(host=client.host, headers=client.headers)


def mended() -> Json:
    """Return the tutorial's pipeline with what its second activity lacks: where it runs, and its jar."""
    pipeline = document("data_factory_pipeline")
    first, second = pipeline["properties"]["activities"]
    second["linkedServiceName"] = first["linkedServiceName"]
    second["typeProperties"]["libraries"] = [{"jar": "/Workspace/etl.jar"}]
    return pipeline


@pytest.mark.parametrize(("version", "with_tasks"), [("2.0", False), ("2.1", False), ("2.1", True), ("2.2", True)])
def test_pipeline_runs_in_each_form(client: Client, *, version: str, with_tasks: bool) -> None:
    """The jar runs after the notebook, and both get the day of the trigger, in every form that the API has had."""
    factory = DataFactory(host=client.host, headers=client.headers, version=version, with_tasks=with_tasks)
    runs = factory.run(mended(), NIGHT)
    first, second = (client.run(runs[name].run_id) for name in ("RunDatabricksNotebook", "RunSparkJob"))

    assert [run.status for run in runs.values()] == [Status.SUCCEEDED, Status.SUCCEEDED]
    assert runs["RunDatabricksNotebook"].output == "2026-11-22 production"
    (key,) = client.results(second)
    assert client.output(second, key)["logs"] == "MainApp --date 2026-11-22\n"
    assert second["start_time"] >= first["end_time"]
    assert (first["run_type"], first["run_name"]) == (
        "SUBMIT_RUN",
        "ADF_factory_DatabricksPipeline_RunDatabricksNotebook",
    )
    assert first["tasks"][0]["existing_cluster_id"] == "0923-164208-meows279"


def test_runs_belong_to_no_job(client: Client, factory: DataFactory) -> None:
    """They are found among the runs, and no job of theirs is in the list."""
    run_id = factory.run(mended(), NIGHT)["RunSparkJob"].run_id

    assert run_id in [run["run_id"] for run in client.get("runs/list", run_type="SUBMIT_RUN")["runs"]]
    assert client.get("list", name="ADF_factory_DatabricksPipeline_RunSparkJob") == {"has_more": False}


def test_failed_notebook_skips_the_jar(factory: DataFactory) -> None:
    """`Succeeded` is the only condition of the tutorial's dependency."""
    pipeline = mended()
    pipeline["properties"]["activities"][0]["typeProperties"]["baseParameters"]["environment"] = "broken"
    runs = factory.run(pipeline, NIGHT)

    assert runs["RunDatabricksNotebook"].status is Status.FAILED
    assert runs["RunDatabricksNotebook"].error == "RuntimeError: broken environment"
    assert runs["RunSparkJob"].status is Status.SKIPPED


@pytest.mark.parametrize(("condition", "status"), [("Failed", Status.SKIPPED), ("Completed", Status.SUCCEEDED)])
def test_other_conditions_are_kept_to(factory: DataFactory, condition: str, status: Status) -> None:
    """After a notebook that succeeds, an activity for its failure is skipped and one for its end runs."""
    pipeline = mended()
    pipeline["properties"]["activities"][1]["dependsOn"][0]["dependencyConditions"] = [condition]

    assert factory.run(pipeline, NIGHT)["RunSparkJob"].status is status


def test_notebook_output_is_handed_on(client: Client, factory: DataFactory) -> None:
    """What dbutils.notebook.exit says is the activity's runOutput, and may be a parameter of the next."""
    pipeline = mended()
    handed = "@{activity('RunDatabricksNotebook').output.runOutput}"
    pipeline["properties"]["activities"][1]["typeProperties"]["parameters"] = ["--from", handed]
    run = client.run(factory.run(pipeline, NIGHT)["RunSparkJob"].run_id)

    (key,) = client.results(run)
    assert client.output(run, key)["logs"] == "MainApp --from 2026-11-22 production\n"


def test_trigger_time_is_in_utc(factory: DataFactory) -> None:
    """A pipeline that fires in the first hour of the day in Paris works on the day before."""
    assert factory.run(mended(), PAST_MIDNIGHT)["RunDatabricksNotebook"].output == "2026-11-21 production"


def test_second_activity_lacks_two_properties(factory: DataFactory) -> None:
    """The tutorial's pipeline cannot be published: its jar activity names neither a linked service nor a jar."""
    with pytest.raises(
        InvalidPipeline, match=r"RunSparkJob\.linkedServiceName, RunSparkJob\.typeProperties\.libraries"
    ):
        factory.run(document("data_factory_pipeline"), NIGHT)


def test_class_without_its_jar_is_not_found(client: Client) -> None:
    """Sent as it stands, without libraries, the activity's task fails and names the class."""
    work = document("data_factory_pipeline")["properties"]["activities"][1]["typeProperties"]
    task = {"main_class_name": work["mainClassName"], "parameters": ["--date", "2026-11-22"]}
    answer = client.post("runs/submit", {"run_name": "no jar", "spark_jar_task": task})
    run = client.ended(answer.json()["run_id"])

    (key,) = client.results(run)
    assert client.output(run, key)["error"] == "Could not find or load main class com.company.etl.MainApp"
