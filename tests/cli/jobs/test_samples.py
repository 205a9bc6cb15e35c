"""The tutorial's two pipelines, as jobs that really run."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.jobs.checks import findings_of
from cli.jobs.files import read_jobs
from cli.rules.check.findings import Level
from samples.tutorial.build_wheels import HERE, build
from tests.cli.jobs.kit import SAMPLES, Json, against
from tests.localdev.workspace.kit import START, TOKEN, Workspace, open_workspace, workspace_settings

FILES = sorted((SAMPLES / "tutorial").glob("*.yaml"))


@pytest.fixture
async def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Workspace]:
    """Serve a workspace that runs the samples' notebooks, with the tutorial's wheels built."""
    notebooks = tmp_path / "workspace" / "notebooks"
    shutil.copytree(SAMPLES / "notebooks", notebooks, ignore=shutil.ignore_patterns("wheels", "__pycache__"))
    for project in (HERE / "wheels").iterdir():
        build(project, notebooks / "wheels")
    async with open_workspace(workspace_settings(tmp_path / "workspace", running_tasks=2)) as workspace:
        monkeypatch.setenv("DATABRICKS_HOST", workspace.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
        yield workspace


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_sample_jobs_have_nothing_wrong(file: Path) -> None:
    """What people copy from has neither errors nor warnings."""
    for job in read_jobs(str(file)):
        assert [each for each in findings_of(job.settings, START) if each.level is not Level.NOTE] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_sample_jobs_name_notebooks_that_exist(file: Path) -> None:
    """Every notebook of a sample is in the folder that `landfall up` serves."""
    for job in read_jobs(str(file)):
        for task in job.settings["tasks"]:
            path = task.get("notebook_task", {}).get("notebook_path", "")
            name = path.removeprefix("/Workspace").lstrip("/")
            assert not name or (SAMPLES / "notebooks" / f"{name}.py").is_file(), path


def test_wheels_are_the_same_each_time(tmp_path: Path) -> None:
    """The same source makes the same wheel to the byte, so that environments made from it are found again."""
    project = HERE / "wheels" / "reporting"

    assert build(project, tmp_path / "a").read_bytes() == build(project, tmp_path / "b").read_bytes()


async def applied(workspace: Workspace, file: str, lake: Path) -> dict[str, Json]:
    """Apply a sample, run it to its end, and return the outputs of its tasks."""
    result = await against("apply", "--yes", "--json", str(SAMPLES / "tutorial" / file))
    assert result.exit_code == 0, result.output
    (done,) = json.loads(result.stdout)
    ended = await workspace.ended(await workspace.run_now(done["job_id"], job_parameters={"lake": str(lake)}))
    outputs = await workspace.outputs(ended)
    assert ended["state"]["result_state"] == "SUCCESS", outputs
    return outputs


async def test_complex_pipeline_runs(real: Workspace, tmp_path: Path) -> None:
    """Three sources are taken in, joined, analysed, and told of."""
    outputs = await applied(real, "complex_etl_pipeline.yaml", tmp_path / "lake")

    (report,) = (tmp_path / "lake").glob("gold/*/report.txt")
    assert len(outputs) == 8
    assert "GB          2 orders     105.25" in report.read_text(encoding="utf-8")
    assert "Best customer: ada (105.25)" in report.read_text(encoding="utf-8")


async def test_daily_pipeline_runs(real: Workspace, tmp_path: Path) -> None:
    """A day's orders are taken in, cleaned, checked and published."""
    if find_spec("duckdb") is None and not os.environ.get("CI"):
        pytest.skip("SQL tasks need duckdb")
    await applied(real, "etl_pipeline_daily.yaml", tmp_path / "lake")

    (clean,) = (tmp_path / "lake").glob("clean/*/orders.csv")
    rows = list(csv.DictReader(clean.read_text(encoding="utf-8").splitlines()))
    (quality,) = (tmp_path / "lake").glob("quality/*.json")
    assert [row["order"] for row in rows] == ["1001", "1002", "1003", "1005"]
    assert rows[2] == {"order": "1003", "customer": "Edsger", "day": "2026-11-21", "amount": "75.50"}
    assert json.loads(quality.read_text(encoding="utf-8"))["failed"] == []
