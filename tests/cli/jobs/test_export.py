"""`landfall jobs export`, against a local workspace over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.jobs.files import read_jobs
from tests.cli.jobs.kit import SAMPLES, TUTORIAL, a_job, a_task, against, landfall_jobs, saved, written
from tests.localdev.workspace.kit import Workspace

FILES = [TUTORIAL, *sorted((SAMPLES / "tutorial").glob("*.yaml"))]


@pytest.mark.parametrize("form", ["yaml", "json"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_export_is_what_apply_takes(workspace: Workspace, file: Path, form: str) -> None:
    """A job that was applied, exported and applied again is unchanged, in either language."""
    await against("apply", "--yes", str(file))
    name = read_jobs(str(file))[0].name

    exported = await against("export", name, "--format", form)
    again = await against("apply", saved(exported.stdout, f"again.{form}"))

    assert exported.exit_code == 0, exported.output
    assert again.exit_code == 0, again.output
    assert again.stdout.splitlines()[0].endswith(": unchanged")
    assert len((await workspace.get("list")).json()["jobs"]) == 1


async def test_defaults_and_ids_are_left_out(workspace: Workspace) -> None:
    """What is written is what somebody would write, with the queue always named."""
    job_id = await workspace.create(version="2.1", name="ETL")

    result = await against("export", str(job_id))

    assert result.stdout == (
        "name: ETL\n"
        "queue:\n"
        "  enabled: false\n"
        "tasks:\n"
        "  - task_key: main\n"
        "    notebook_task:\n"
        "      notebook_path: /Workspace/main\n"
    )


@pytest.mark.usefixtures("workspace")
async def test_several_jobs_become_a_list() -> None:
    """Jobs are named by name or id, in any case of letters, and come in the order asked for."""
    await against("apply", "--yes", written([a_job(name="A"), a_job(a_task("x"), name="B")]))

    result = await against("export", "b", "A", "--format", "json")

    assert [job["name"] for job in json.loads(result.stdout)] == ["B", "A"]


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("reference", ["nope", "999999999"])
async def test_missing_job_is_status_2(reference: str) -> None:
    """Nothing is written where a job cannot be had."""
    result = await against("export", reference)

    assert result.exit_code == 2
    assert result.stdout == ""


async def test_exported_text_is_harmless(workspace: Workspace) -> None:
    """What a job is called cannot colour the terminal that shows its file."""
    await workspace.create(name="\x1b[31mred")

    result = await against("export", "\x1b[31mred")

    assert "\x1b" not in result.stdout
    assert 'name: "\\u001b[31mred"' in result.stdout


def test_without_a_workspace_nothing_is_exported() -> None:
    """Where no stack runs and the environment names none, that is said."""
    assert landfall_jobs("export", "ETL").exit_code == 2
