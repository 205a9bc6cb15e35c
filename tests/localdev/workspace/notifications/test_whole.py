"""Jobs that tell real receivers, in a whole workspace; and one that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from localdev.workspace.flow import outcomes
from localdev.workspace.notifications.options import NotificationOptions, SmtpServer
from localdev.workspace.runners.runner import TaskResult
from localdev.workspace.scripted_runner import ScriptedRunner, failure
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import (
    TOKEN,
    Json,
    StandingClock,
    Workspace,
    notebook,
    open_without_wire,
    sign_in,
    started,
    task,
    workspace_settings,
)
from tests.localdev.workspace.notifications.kit import SOMEBODY, HttpReceiver, http_receiver, mail_server, parsed

PATH = "/api/2.0/notification-destinations"
EVENTS = ("on_start", "on_success", "on_failure", "on_duration_warning_threshold_exceeded")


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    """Listen for webhooks."""
    async with http_receiver() as receiver:
        yield receiver


async def destination(workspace: Workspace, url: str) -> str:
    """Create a generic webhook; return its id."""
    body = {"display_name": "Team", "config": {"generic_webhook": {"url": url}}}
    return str((await workspace.client.post(PATH, json=body)).json()["id"])


def all_events(destination_id: str) -> Json:
    """Return settings that want all told."""
    return {"webhook_notifications": {event: [{"id": destination_id}] for event in EVENTS}}


async def test_webhooks_tell_of_runs_and_tasks(
    scripted: Workspace, runner: ScriptedRunner, receiver: HttpReceiver
) -> None:
    """In Databricks' own words, from the start of the run to its end."""
    wanted = all_events(await destination(scripted, f"{receiver.url}/hook"))
    job_id = await scripted.create(task("main", **wanted), **wanted)
    run_id = await scripted.run_now(job_id)
    await started(runner, 1)
    runner.started[0].finish()
    run = await scripted.ended(run_id)
    await until(lambda: len(receiver.bodies) == 4)

    job = {"job_id": job_id, "name": "ETL"}
    of_task = {"run": {"run_id": run["tasks"][0]["run_id"], "parent_run_id": run_id}, "task": {"task_key": "main"}}
    workspace_id = 1234567890123456
    assert receiver.bodies == [
        {"event_type": "jobs.on_start", "workspace_id": workspace_id, "run": {"run_id": run_id}, "job": job},
        {"event_type": "jobs.on_start", "workspace_id": workspace_id, **of_task, "job": job},
        {"event_type": "jobs.on_success", "workspace_id": workspace_id, **of_task, "job": job},
        {"event_type": "jobs.on_success", "workspace_id": workspace_id, "run": {"run_id": run_id}, "job": job},
    ]


async def test_slow_run_is_warned_of(
    scripted: Workspace, runner: ScriptedRunner, clock: StandingClock, receiver: HttpReceiver
) -> None:
    """With the tutorial's addresses and the health rule that it forgets."""
    rules = [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 3600}]
    wanted = all_events(await destination(scripted, receiver.url))
    run_id = await scripted.run_now(await scripted.create(**wanted, health={"rules": rules}))
    await started(runner, 1)
    await until(lambda: clock.sleepers > 0)
    clock.advance(seconds=3601)
    await until(lambda: len(receiver.bodies) == 2)

    assert receiver.bodies[1]["event_type"] == "jobs.on_duration_warning_threshold_exceeded"
    assert receiver.bodies[1]["run"] == {"run_id": run_id}


async def test_iterations_tell_of_the_jobs_run(
    scripted: Workspace, runner: ScriptedRunner, receiver: HttpReceiver
) -> None:
    """The run of the job is the parent of an iteration's task run, and the job has its own name."""
    nested = task("main", webhook_notifications={"on_start": [{"id": await destination(scripted, receiver.url)}]})
    job_id = await scripted.create({"task_key": "loop", "for_each_task": {"inputs": "[1]", "task": nested}})
    run_id = await scripted.run_now(job_id)
    await until(lambda: len(receiver.bodies) == 1)

    (iteration,) = runner.started
    assert receiver.bodies[0]["job"] == {"job_id": job_id, "name": "ETL"}
    assert receiver.bodies[0]["run"] == {"run_id": iteration.launch.attempt_id, "parent_run_id": run_id}
    assert receiver.bodies[0]["task"] == {"task_key": "main_0"}


async def test_destinations_of_nested_tasks_are_checked(scripted: Workspace) -> None:
    """As those of every task: what could not be told is refused when the job is created."""
    nested = task("main", webhook_notifications={"on_start": [{"id": "slack-webhook-id"}]})
    body = {"tasks": [{"task_key": "loop", "for_each_task": {"inputs": "[1]", "task": nested}}]}

    answer = await scripted.post("create", body)

    assert (answer.status_code, answer.json()["message"][:64]) == (
        400,
        "Task 'loop': Task 'main': Webhook with id 'slack-webhook-id' was",
    )


async def test_cancelled_and_skipped_runs_can_be_muted(
    scripted: Workspace, runner: ScriptedRunner, receiver: HttpReceiver
) -> None:
    """Both are failures to those who are told, unless the job says otherwise."""
    wanted = {"webhook_notifications": {"on_failure": [{"id": await destination(scripted, receiver.url)}]}}
    mute = {"notification_settings": {"no_alert_for_skipped_runs": True, "no_alert_for_canceled_runs": True}}
    told: list[int] = []
    for settings in (wanted, {**wanted, **mute}):
        job_id = await scripted.create(**settings, version="2.1")
        first, skipped = await scripted.run_now(job_id), await scripted.run_now(job_id)
        await scripted.post("runs/cancel", {"run_id": first})
        await scripted.ended(first)
        told += [skipped, first] if settings is wanted else []
    await until(lambda: len(receiver.bodies) >= 2)

    assert [body["run"]["run_id"] for body in receiver.bodies] == told
    assert len(runner.started) <= 2


def mails(data: Path) -> list[EmailMessage]:
    """Return the messages in the folder."""
    return [parsed(file) for file in sorted(data.glob("mail/*.eml"))]


async def test_mail_goes_into_a_folder_by_default(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> None:
    """Readable by every mail program, with a link to the run."""
    settings = workspace_settings(tmp_path, url="http://127.0.0.1:8765")
    runner._script["main"] = [failure()]
    async with open_without_wire(settings, clock=clock, runner=runner) as workspace:
        job_id = await workspace.create(email_notifications={"on_failure": [SOMEBODY]})
        run_id = await workspace.run_now(job_id)
        await until(lambda: bool(mails(settings.data)))

    [mail] = mails(settings.data)
    assert (mail["To"], mail["Subject"]) == (SOMEBODY, f"ETL: run {run_id} failed")
    body = mail.get_body(("plain",))
    assert body is not None
    assert f"http://127.0.0.1:8765/jobs/{job_id}/runs/{run_id}?o=1234567890123456" in body.get_content()


async def test_mail_goes_to_a_server_when_told(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> None:
    """By SMTP, and into no folder; an e-mail destination's addresses get one message together."""
    async with mail_server() as server:
        options = NotificationOptions(smtp=SmtpServer(host="127.0.0.1", port=server.port))
        settings = workspace_settings(tmp_path, notifications=options)
        async with open_without_wire(settings, clock=clock, runner=runner) as workspace:
            config = {"email": {"addresses": ["a@company.com", "b@company.com"]}}
            made = await workspace.client.post(PATH, json={"display_name": "Team", "config": config})
            webhooks = {"on_start": [{"id": made.json()["id"]}]}
            emails = {"on_start": [SOMEBODY]}
            job_id = await workspace.create(email_notifications=emails, webhook_notifications=webhooks)
            await workspace.run_now(job_id)
            await until(lambda: len(server.taken) == 2)

    assert sorted(receivers for _, receivers, _ in server.taken) == [["a@company.com", "b@company.com"], [SOMEBODY]]
    assert not (settings.data / "mail").exists()


async def test_dead_receivers_delay_no_run(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> None:
    """Neither a mail server nor a webhook that never answers is waited for, at work or when stopping."""
    silence = asyncio.Event()
    async with mail_server(silent=silence) as server, http_receiver(silent=silence) as receiver:
        options = NotificationOptions(smtp=SmtpServer(host="127.0.0.1", port=server.port))
        settings = workspace_settings(tmp_path, notifications=options)
        async with asyncio.timeout(20):
            async with open_without_wire(settings, clock=clock, runner=runner) as workspace:
                wanted = all_events(await destination(workspace, receiver.url))
                wanted["email_notifications"] = {event: [SOMEBODY] for event in EVENTS}
                job_id = await workspace.create(task("quick", **wanted), **wanted, max_concurrent_runs=10)
                runs = [await workspace.run_now(job_id) for _ in range(10)]
                states = [(await workspace.ended(run_id))["state"]["result_state"] for run_id in runs]
                await until(lambda: len(receiver.requests) == 1)

        assert states == ["SUCCESS"] * 10
        assert len(receiver.requests) == 1
        assert server.taken == []


async def test_deleted_destination_ends_the_telling(
    scripted: Workspace, runner: ScriptedRunner, receiver: HttpReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A job that names it runs as before."""
    made = await destination(scripted, receiver.url)
    job_id = await scripted.create(webhook_notifications={"on_failure": [{"id": made}]})
    run_id = await scripted.run_now(job_id)
    await started(runner, 1)
    await scripted.client.delete(f"{PATH}/{made}")
    runner.started[0].finish(TaskResult(outcome=outcomes.FAILED))
    await scripted.ended(run_id)
    await until(lambda: "workspace.notification_dead" in caplog.text)

    assert receiver.requests == []
    assert "The notification destination has been deleted" in caplog.text


@contextmanager
def process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a workspace of its own process; yield it and its address."""
    command = [sys.executable, "-m", "localdev.workspace", "--data", str(folder / "data")]
    command += ["--notebooks", str(folder / "notebooks"), "--port", "0"]
    environment = {**os.environ, "LANDFALL_WORKSPACE_TOKEN": TOKEN}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment) as it:
        assert it.stdout is not None
        try:
            yield it, it.stdout.readline().split()[-1]
        finally:
            it.kill()


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[Workspace]:
    """Sign in."""
    async with httpx.AsyncClient(base_url=url, headers=sign_in(TOKEN), timeout=20) as client:
        yield Workspace(url=url, client=client)


async def test_kill_forgets_no_notification(tmp_path: Path) -> None:
    """Killed while the receiver has the request and has not answered: the next server tells it, with the same id."""
    notebook(tmp_path / "notebooks", "main", "print('hello')")
    async with http_receiver(silent=asyncio.Event()) as receiver:
        with process(tmp_path) as (server, url):
            async with client_of(url) as workspace:
                made = await destination(workspace, receiver.url)
                job_id = await workspace.create(webhook_notifications={"on_success": [{"id": made}]})
                run_id = await workspace.run_now(job_id)
            await until(lambda: bool(receiver.requests), seconds=60)
            server.send_signal(signal.SIGKILL)
            server.wait()
        assert receiver.silent is not None
        receiver.silent.set()
        receiver.silent = None
        with process(tmp_path):
            await until(lambda: len(receiver.requests) == 2, seconds=60)

    assert [body["run"] for body in receiver.bodies] == [{"run_id": run_id}] * 2
    assert len({headers["x-landfall-delivery"] for _, headers, _ in receiver.requests}) == 1
