"""The jobs of rules, held against a workspace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.rules.check.check import Check
from cli.rules.check.findings import Finding
from cli.rules.check.job_settings import JobSettings, job_settings_of
from cli.rules.check.workspace import open_workspace as open_checked
from cli.rules.command import rules as app
from shared.errors import JobAmbiguous, JobMissing, JobsBusy, JobsError, JobsUnauthorised
from shared.model import JobReference
from shared.settings import read_settings
from tests.fakes.world import ENVIRONMENT
from tests.localdev.workspace.kit import TOKEN, open_workspace, task, workspace_settings
from tests.shared.jobs.scripted_server import says, serving

ONE = """version: 1
rules:
  - name: crm
    path: "landing/crm/**"
    job: {id: 7}
"""


def answer(**settings: Any) -> Mapping[str, Any]:
    """Return a job of jobs/get that nothing is wrong with, but for these settings."""
    return {"job_id": 7, "settings": {"name": "ETL", "max_concurrent_runs": 5, "queue": {"enabled": True}, **settings}}


class Jobs:
    """A workspace of which a test says what it answers."""

    def __init__(self, *answers: Mapping[str, Any] | JobsError) -> None:
        self._answers = list(answers)
        self.asked: list[JobReference] = []

    async def job(self, reference: JobReference) -> JobSettings:
        """Return the next answer."""
        self.asked.append(reference)
        found = self._answers[min(len(self.asked), len(self._answers)) - 1]
        if isinstance(found, JobsError):
            raise found
        settings = job_settings_of(found)
        assert settings is not None
        return settings


async def findings(jobs: Jobs, text: str = ONE) -> list[Finding]:
    """Return what is found about the jobs of a file."""
    check = Check(text, "rules.yaml")
    await check.jobs(jobs)
    return check.result.findings


async def test_sound_job_has_no_findings() -> None:
    """Nothing is said of a job that takes what it is given."""
    assert await findings(Jobs(answer())) == []


@pytest.mark.parametrize(
    ("settings", "code", "level"),
    [
        ({"continuous": {"pause_status": "UNPAUSED"}}, "job-continuous", "error"),
        ({"max_concurrent_runs": 0}, "job-skips-runs", "error"),
        ({"queue": {"enabled": False}}, "job-queue-off", "warning"),
        ({"queue": None}, "job-queue-off", "warning"),
        ({"max_concurrent_runs": 1}, "job-one-at-a-time", "note"),
        (
            {"trigger": {"file_arrival": {"url": "abfss://landing@a.dfs.core.windows.net/crm/"}}},
            "native-trigger",
            "warning",
        ),
        (
            {"triggers": [{"file_arrival": {"url": "https://a.blob.core.windows.net/landing"}}]},
            "native-trigger",
            "warning",
        ),
        ({"parameters": [{"name": "file_path", "default": ""}]}, "job-parameter-wins", "warning"),
        ({"parameters": [{"name": "output", "default": "landing/crm/out"}]}, "own-output", "warning"),
        (
            {
                "tasks": [
                    {"notebook_task": {"base_parameters": {"sink": "abfss://landing@a.dfs.core.windows.net/crm/o/"}}}
                ]
            },
            "own-output",
            "warning",
        ),
    ],
)
async def test_setting_that_goes_ill_with_files_is_found(settings: dict[str, Any], code: str, level: str) -> None:
    """Each stands at the job of the first rule that starts it."""
    found = await findings(Jobs(answer(**settings)))

    assert [(each.code, each.level, each.rule) for each in found] == [(code, level, "crm")]
    assert found[0].line == (3 if code == "job-parameter-wins" else 5)  # the rule, where it does not say it itself


@pytest.mark.parametrize(
    "settings",
    [
        {"trigger": {"pause_status": "PAUSED", "file_arrival": {"url": "abfss://landing@a.dfs.core.windows.net/crm/"}}},
        {"trigger": {"file_arrival": {"url": "abfss://landing@a.dfs.core.windows.net/erp/"}}},
        {"schedule": {"pause_status": "PAUSED", "quartz_cron_expression": "0 0 2 * * ?"}},
        {"parameters": [{"name": "input", "default": "landing/crm/out"}, {"name": "mode", "default": "out"}]},
        {"tasks": [{"notebook_task": {"base_parameters": {"file_path": "landing/crm/x"}}}, "odd"], "parameters": "odd"},
    ],
)
async def test_setting_that_does_no_harm_is_passed_over(settings: dict[str, Any]) -> None:
    """A paused trigger, a schedule, other places and what the rule sets itself are no findings."""
    assert await findings(Jobs(answer(**settings))) == []


async def test_unknown_job_parameter_is_told_with_those_that_are() -> None:
    """A name that the job does not define stands at its place."""
    text = ONE + "    job_parameters: {file: '{blob.uri}', landing_dae: '1'}\n"
    names = ("file", "landing_date", "landfall_entry")

    (found,) = await findings(Jobs(answer(parameters=[{"name": name, "default": ""} for name in names])), text)

    assert (found.code, found.line, found.column) == ("job-unknown-parameter", 6, 55)
    assert "Did you mean `landing_date`?" in found.message


async def test_job_that_does_not_define_our_own_parameter_is_noted() -> None:
    """Each run carries its entry; where that goes among the job's parameters, the job had better define it."""
    text = ONE + "    job_parameters: {file: '{blob.uri}'}\n"

    (found,) = await findings(Jobs(answer(parameters=[{"name": "file", "default": ""}])), text)

    assert (found.code, found.level, found.line) == ("job-entry-undefined", "note", 6)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JobMissing("There is no job named ETL."), "job-missing"),
        (JobMissing("Databricks answered 400 to jobs/get: Job 7 does not exist.", status=400), "job-missing"),
        (JobAmbiguous("2 jobs are named ETL: 1, 2."), "job-ambiguous"),
        (JobsUnauthorised("No permission.", status=403, error_code="PERMISSION_DENIED"), "workspace-unread"),
    ],
)
async def test_job_that_cannot_be_read_is_told_at_its_rule(error: JobsError, code: str) -> None:
    """What is wrong with one job says nothing about the next."""
    text = ONE + '  - {name: erp, path: "landing/erp/**", job: {id: 8}}\n'
    jobs = Jobs(error, answer(queue=None))

    found = await findings(jobs, text)

    assert [(each.code, each.rule) for each in found] == [(code, "crm"), ("job-queue-off", "erp")]


@pytest.mark.parametrize(
    "error",
    [
        JobsBusy("Databricks was not reached."),
        JobsUnauthorised("Databricks answered 401.", status=401),
        JobMissing("Databricks answered 404.", status=404),
    ],
)
async def test_workspace_that_does_not_answer_is_one_warning(error: JobsError) -> None:
    """Nobody is asked a thousand times for what fails the first time."""
    text = ONE + "".join(f'  - {{name: r{n}, path: "landing/{n}/*", job: {{id: {n + 8}}}}}\n' for n in range(50))
    jobs = Jobs(error)

    found = await findings(jobs, text)

    assert [(each.code, each.line) for each in found] == [("workspace-unread", 0)]
    assert error.message in found[0].message
    assert len(jobs.asked) < 20


async def test_job_of_several_rules_is_looked_up_once() -> None:
    """One call and one finding for each job, however many rules start it; rules that are off ask for none."""
    text = ONE + '  - {name: b, path: "landing/b/*", job: {id: 7}}\n'
    text += '  - {name: c, path: "landing/c/*", job: {id: 9}, enabled: false}\n'
    jobs = Jobs(answer(queue=None))

    (found,) = await findings(jobs, text)

    assert jobs.asked == [JobReference(id=7)]
    assert found.message.endswith("(2 rules start it.)")


async def test_refused_file_asks_for_no_job() -> None:
    """A file with faults has no rules whose jobs could be looked up."""
    jobs = Jobs(answer())

    await findings(jobs, "version: 2")

    assert jobs.asked == []


def run_check(file: Path, *options: str) -> Result:
    """Run the command in a thread that has no event loop."""
    return CliRunner().invoke(app, ["check", str(file), "--format", "json", *options])


async def test_command_asks_the_configured_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With DATABRICKS_HOST and a token set, jobs are looked up over HTTP; `--offline` leaves that out."""
    file = tmp_path / "rules.yaml"
    names = ("There", "Twice", "Missing", "Old")
    rules = (f'  - {{name: {name.lower()}, path: "landing/{name}/*", job: {{name: "{name}"}}}}\n' for name in names)
    file.write_text("version: 1\nrules:\n" + "".join(rules) + '  - {name: id, path: "landing/id/*", job: {id: 987}}\n')
    async with open_workspace(workspace_settings(tmp_path)) as workspace:
        for name in ("There", "Twice", "Twice"):
            await workspace.create(task(), name=name, max_concurrent_runs=10)
        await workspace.create(task(), name="Old", version="2.1")
        monkeypatch.setenv("DATABRICKS_HOST", workspace.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
        monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))

        result = await asyncio.to_thread(run_check, file)
        offline = await asyncio.to_thread(run_check, file, "--offline")

    found = {(each["rule"], each["code"]) for each in json.loads(result.stdout)["findings"]}
    assert found == {
        ("twice", "job-ambiguous"),
        ("missing", "job-missing"),
        ("old", "job-queue-off"),
        ("old", "job-one-at-a-time"),
        ("id", "job-missing"),
    }
    assert result.exit_code == 1
    assert json.loads(offline.stdout)["findings"] == []


async def test_unreachable_workspace_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be asked is told, without secrets, and is no error unless --strict asks for it."""
    file = tmp_path / "rules.yaml"
    file.write_text(ONE)
    async with serving() as server:
        server.always(says(401, {"error_code": "UNAUTHENTICATED", "message": f"bad token {TOKEN}"}))
        monkeypatch.setenv("DATABRICKS_HOST", server.url)
        monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)
        monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))
        result = await asyncio.to_thread(run_check, file)
        strict = await asyncio.to_thread(run_check, file, "--strict")

    assert (result.exit_code, strict.exit_code) == (0, 1)
    assert [each["code"] for each in json.loads(result.stdout)["findings"]] == ["workspace-unread"]
    assert TOKEN not in result.output


def test_faulty_settings_of_a_workspace_are_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are checked all the same."""
    file = tmp_path / "rules.yaml"
    file.write_text(ONE)
    monkeypatch.setenv("DATABRICKS_HOST", "ftp://nowhere")
    monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))

    (found,) = json.loads(run_check(file).stdout)["findings"]

    assert found["code"] == "workspace-unread"
    assert "DATABRICKS_HOST" in found["message"]


async def test_settings_are_read_from_real_answers(tmp_path: Path) -> None:
    """What the Jobs API answers becomes triggers, parameters and tasks."""
    async with open_workspace(workspace_settings(tmp_path)) as workspace:
        notebook = {"notebook_path": "/x", "base_parameters": {"sink": "landing/out"}}
        job_id = await workspace.create(
            {"task_key": "main", "notebook_task": notebook},
            parameters=[{"name": "day", "default": "1"}],
            trigger={"file_arrival": {"url": "/Volumes/a/b/c/"}},
        )
        environment = {**ENVIRONMENT, "DATABRICKS_HOST": workspace.url, "DATABRICKS_TOKEN": TOKEN}
        settings = read_settings(environment).databricks
        async with open_checked(settings) as checked:
            found = await checked.job(JobReference(id=job_id))

    assert found.parameters == {"day": "1"}
    assert found.triggers == ("/Volumes/a/b/c/",)
    assert found.task_parameters == (("sink", "landing/out"),)
