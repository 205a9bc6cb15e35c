"""jobs/runs/export: a task run's notebook as HTML, with what the run left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.localdev.workspace.kit import Json, Workspace, notebook, task


async def ran(workspace: Workspace, *tasks: Json) -> Json:
    """Return a run of a new job once it has ended."""
    return await workspace.ended(await workspace.run_now(await workspace.create(*tasks)))


async def test_export_holds_code_and_result(real: Workspace, tmp_path: Path) -> None:
    """One view per notebook; nothing of it is markup of its own."""
    notebook(tmp_path / "notebooks", "ETL/main", "x = '<b>bold</b>'", "dbutils.notebook.exit('<i>done</i> & dusted')")
    run = await ran(real, task(notebook_task={"notebook_path": "/ETL/main"}))

    by_task = (await real.get("runs/export", run_id=run["tasks"][0]["run_id"])).json()
    by_run = (await real.get("runs/export", run_id=run["run_id"], views_to_export="ALL")).json()

    (view,) = by_task["views"]
    assert (view["name"], view["type"]) == ("main", "NOTEBOOK")
    assert "x = &#x27;&lt;b&gt;bold&lt;/b&gt;&#x27;" in view["content"]
    assert "&lt;i&gt;done&lt;/i&gt; &amp; dusted" in view["content"]
    assert "<b>" not in view["content"]
    assert by_run == by_task


async def test_export_tells_of_a_failure(real: Workspace, tmp_path: Path) -> None:
    """The traceback is at the end of the page."""
    notebook(tmp_path / "notebooks", "main", "raise RuntimeError('intentional')")
    run = await ran(real, task())

    content = (await real.get("runs/export", run_id=run["run_id"])).json()["views"][0]["content"]

    assert "<h2>Error</h2>" in content
    assert "RuntimeError: intentional" in content


async def test_there_are_no_dashboards(real: Workspace, tmp_path: Path) -> None:
    """So that view of a run is empty, and an empty array is left out."""
    notebook(tmp_path / "notebooks", "main", "1")
    run = await ran(real, task())

    answer = await real.get("runs/export", run_id=run["run_id"], views_to_export="DASHBOARDS")

    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize("views", ["code", "X"])
async def test_other_views_are_refused(scripted: Workspace, views: str) -> None:
    """By name, with those that there are."""
    answer = await scripted.get("runs/export", run_id=1, views_to_export=views)

    assert (answer.status_code, "must be one of CODE, DASHBOARDS, ALL" in answer.text) == (400, True)


async def test_what_cannot_be_exported_says_so(scripted: Workspace) -> None:
    """A run of several tasks, a file's run, a notebook that is gone, and a run that never was."""
    file = {"task_key": "file", "spark_python_task": {"python_file": "/x.py"}}
    several = await ran(scripted, task("quick"), task("other"))
    of_file = await ran(scripted, file)
    of_nothing = await ran(scripted, task("quick"))

    answers = [
        await scripted.get("runs/export", run_id=run_id)
        for run_id in (several["run_id"], of_file["run_id"], of_nothing["run_id"], 998)
    ]

    assert [each.status_code for each in answers] == [400, 400, 404, 400]
    messages = [each.json()["message"] for each in answers]
    assert "export them one by one" in messages[0]
    assert "only runs of notebooks can be exported" in messages[1]
    assert messages[2] == "Path (/quick) doesn't exist."
    assert messages[3] == "Run 998 does not exist."
