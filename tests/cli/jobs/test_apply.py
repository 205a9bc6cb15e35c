"""`landfall jobs apply`, against a local workspace over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localdev.workspace.faults import Fault, FaultPlan
from tests.cli.jobs.kit import TUTORIAL, Json, a_job, a_task, against, landfall_jobs, written
from tests.localdev.workspace.kit import Workspace


async def settings(workspace: Workspace, name: str = "ETL") -> list[Json]:
    """Return the settings of all jobs of a name."""
    listed = (await workspace.get("list", name=name, expand_tasks="true")).json().get("jobs", [])
    return [job["settings"] for job in listed]


async def test_job_is_created_and_then_unchanged(workspace: Workspace) -> None:
    """The first time a job is made with every field shown, the second time nothing is to be done, nor asked."""
    file = written(a_job(a_task("a"), a_task("b", "a", max_retries=1), tags={"team": "data"}))

    first = await against("apply", file, text="y\n")
    second = await against("apply", file)

    assert first.exit_code == 0, first.output
    assert "ETL: create" in first.stdout
    assert '  + tasks[b].depends_on[a].task_key: "a"' in first.stdout
    assert "ETL: done, job " in first.stdout
    assert second.exit_code == 0
    assert second.stdout.splitlines()[0].endswith(": unchanged")
    assert len(second.stdout.splitlines()) == 1
    (created,) = await settings(workspace)
    assert created["tags"] == {"team": "data"}


async def test_changed_fields_are_shown_and_applied(workspace: Workspace) -> None:
    """An update tells what was, what will be and what goes, and leaves the job as the file says."""
    await against("apply", "--yes", written(a_job(a_task("a"), tags={"team": "data"}, timeout_seconds=60)))

    result = await against("apply", "--yes", written(a_job(a_task("a"), a_task("b", "a"), timeout_seconds=90)))

    assert result.exit_code == 0
    assert result.stdout.splitlines()[1:-1] == [
        '  + tasks[b].task_key: "b"',
        '  + tasks[b].notebook_task.notebook_path: "/Workspace/b"',
        '  + tasks[b].depends_on[a].task_key: "a"',
        "  ~ timeout_seconds: 60 -> 90",
        '  - tags: {"team": "data"}',
    ]
    (updated,) = await settings(workspace)
    assert [task["task_key"] for task in updated["tasks"]] == ["a", "b"]
    assert "tags" not in updated


async def test_tutorial_is_applied_as_it_is(workspace: Workspace) -> None:
    """The tutorial's own settings are taken, with its mistakes told; applied again they are unchanged."""
    first = await against("apply", "--yes", str(TUTORIAL))
    second = await against("apply", "--yes", str(TUTORIAL))

    assert first.exit_code == 0, first.output
    assert "Did you mean `{{job.start_time.iso_date}}`?" in first.stderr
    assert "error[cluster-size]" in first.stderr
    assert second.stdout.splitlines()[0].endswith(": unchanged")
    assert len(await settings(workspace, "ETL Pipeline Daily")) == 1


async def test_no_is_no(workspace: Workspace) -> None:
    """Whoever does not agree has changed nothing."""
    result = await against("apply", written(a_job()), text="n\n")

    assert result.exit_code == 1
    assert await settings(workspace) == []


async def test_dry_run_changes_nothing(workspace: Workspace) -> None:
    """--dry-run shows what would change, and says by its status that something would."""
    file = written(a_job())

    before = await against("apply", "--dry-run", file)
    assert (before.exit_code, await settings(workspace)) == (1, [])
    await against("apply", "--yes", file)
    after = await against("apply", "--dry-run", file)

    assert "ETL: create" in before.stdout
    assert after.exit_code == 0


async def test_json_is_for_scripts(workspace: Workspace) -> None:
    """--json asks nothing and is one document; it changes something with --yes only."""
    file = written([a_job(), a_job(name="Other")])

    planned = await against("apply", "--json", file)
    applied = await against("apply", "--json", "--yes", file)

    assert [(each["name"], each["action"], each["applied"]) for each in json.loads(planned.stdout)] == [
        ("ETL", "create", False),
        ("Other", "create", False),
    ]
    assert planned.exit_code == 1
    assert applied.exit_code == 0
    assert all(each["applied"] and each["job_id"] for each in json.loads(applied.stdout))
    assert len(await settings(workspace, "Other")) == 1


async def test_same_name_twice_is_refused_with_the_ids(workspace: Workspace) -> None:
    """Nobody knows which is meant, also where only upper and lower case differ."""
    ids = [await workspace.create(name="ETL"), await workspace.create(name="etl")]

    result = await against("apply", "--yes", written(a_job()))

    assert result.exit_code == 2
    assert "2 jobs are named `ETL`" in result.stderr
    assert all(str(each) in result.stderr for each in ids)


async def test_one_file_cannot_hold_a_name_twice(workspace: Workspace) -> None:
    """The second would undo the first."""
    result = await against("apply", "--yes", written([a_job(), a_job(name="etl")]))

    assert result.exit_code == 2
    assert await settings(workspace) == []


async def test_refusal_of_one_job_does_not_keep_the_others(workspace: Workspace) -> None:
    """What the workspace refuses is told in its words, and the next job is applied."""
    file = written([a_job(a_task("a", "nope"), name="Broken"), a_job()])

    result = await against("apply", "--yes", file)

    assert result.exit_code == 1
    assert "Broken: Databricks answered 400 INVALID_PARAMETER_VALUE to jobs/create" in result.stderr
    assert len(await settings(workspace)) == 1


async def test_queue_stays_where_the_file_is_silent(workspace: Workspace) -> None:
    """A queue's default depends on who created the job: it is neither a difference nor changed by the way."""
    for version, shown in (("2.1", None), ("2.2", True)):
        name = f"Job {version}"
        await workspace.create(name=name, version=version)
        job = a_job(a_task(), name=name, run_as=None)
        del job["queue"]

        unchanged = await against("apply", "--yes", written(job))
        changed = await against("apply", "--yes", written({**job, "max_concurrent_runs": 2}))

        assert unchanged.stdout.splitlines()[0].endswith(": unchanged"), unchanged.output
        assert changed.exit_code == 0
        (after,) = await settings(workspace, name)
        assert after["queue"]["enabled"] is bool(shown)


async def test_permissions_are_no_difference(workspace: Workspace) -> None:
    """jobs/get does not tell them, so they would differ for ever; a new job gets them."""
    grants = [{"user_name": "a@b.cd", "permission_level": "CAN_VIEW"}]
    file = written(a_job(access_control_list=grants))

    await against("apply", "--yes", file)
    again = await against("apply", "--yes", file)
    changed = await against("apply", "--yes", written(a_job(access_control_list=grants, timeout_seconds=9)))

    assert again.stdout.splitlines()[0].endswith(": unchanged"), again.output
    assert changed.exit_code == 0
    assert "access_control_list" not in (await settings(workspace))[0]


@pytest.mark.parametrize("after", [False, True])
async def test_lost_answer_makes_no_second_job(workspace: Workspace, plan: FaultPlan, *, after: bool) -> None:
    """jobs/create has no token: it is asked once, and the job looked for, whether it was made or not."""
    plan.add(Fault(pattern="POST /api/2.2/jobs/create", drop=True, after=after, times=1))

    result = await against("apply", "--yes", written(a_job()))

    assert len(await settings(workspace)) == (1 if after else 0)
    assert result.exit_code == (0 if after else 1)
    assert after or "No job was made: apply it again." in result.stderr


@pytest.mark.usefixtures("workspace")
async def test_job_of_many_tasks_is_read_whole() -> None:
    """jobs/get tells a hundred tasks at a time; all of them are compared."""
    file = written(a_job(*(a_task(f"t{number}") for number in range(230))))

    assert (await against("apply", "--yes", file)).exit_code == 0
    assert (await against("apply", "--yes", file)).stdout.splitlines()[0].endswith(": unchanged")


@pytest.mark.parametrize("document", [{"tasks": []}, {"name": " "}, {"name": 3}])
def test_job_without_a_name_is_unusable(document: Any) -> None:
    """It could not be found again."""
    result = landfall_jobs("apply", "--yes", written(document))

    assert result.exit_code == 2
    assert "without a name" in result.stderr


def test_without_a_workspace_nothing_is_applied() -> None:
    """Where no stack runs and the environment names none, that is said."""
    result = landfall_jobs("apply", "--yes", written(a_job()))

    assert result.exit_code == 2
    assert "no local stack runs here" in result.stderr


async def test_secrets_are_not_shown(workspace: Workspace) -> None:
    """What looks like a secret in a job's settings is hidden in the differences, and applied all the same."""
    token = f"dapi{'0123456789abcdef' * 2}"
    result = await against("apply", "--yes", written(a_job(tags={"token": token})))

    assert result.exit_code == 0
    assert token not in result.output
    assert (await settings(workspace))[0]["tags"]["token"] == token


async def test_hostile_names_are_shown_and_not_obeyed(workspace: Workspace) -> None:
    """A job may be called anything."""
    name = "[red]x\x1b[31m\ny"
    result = await against("apply", "--yes", written(a_job(name=name)))

    assert result.exit_code == 0, result.output
    assert "\x1b[31m" not in result.output
    assert len(await settings(workspace, name)) == 1
