"""Section 6 of the tutorial: notifications, the state of runs, and the figures to watch."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
import requests

from cli.jobs.checks import findings_of
from localdev.workspace.runners.planned_outcomes import read as planned_outcome
from tests.fakes.waiting import block_until
from tests.localdev.workspace.kit import START, Json, job, notebook
from tests.localdev.workspace.notifications.kit import parsed
from tests.localdev.workspace.pages.page_kit import Page
from tests.localdev.workspace.tutorial.tutorial_kit import Client, Place, document

UNKNOWN = "Webhook with id 'slack-webhook-id' was not found."
WARNING = "on_duration_warning_threshold_exceeded"


@pytest.fixture(autouse=True)
def _notebooks(place: Place) -> None:
    """Put the notebooks of this section where jobs look for them."""
    notebook(place.notebooks, "works", "dbutils.notebook.exit('done')")
    notebook(place.notebooks, "fails", "raise RuntimeError('no source')")
    notebook(place.notebooks, "sleeps", "import time\ntime.sleep(600)")


def of(path: str, **settings: object) -> Json:
    """Return a job of one notebook."""
    return job({"task_key": "main", "notebook_task": {"notebook_path": path}}, **settings)


def mended_notifications(place: Place) -> Json:
    """Return the tutorial's notifications with a destination that there is."""
    answer = requests.post(
        f"{place.client.host}/api/2.0/notification-destinations",
        headers=place.client.headers,
        json={"display_name": "Slack", "config": {"generic_webhook": {"url": f"{place.hooks.url}/hook"}}},
        timeout=20,
    )
    return {**document("notifications"), "webhook_notifications": {"on_failure": [{"id": answer.json()["id"]}]}}


def mails(place: Place, run_id: int) -> list[EmailMessage]:
    """Return the e-mails about a run."""
    found = [parsed(file) for file in sorted((place.folder / "data" / "mail").glob("*.eml"))]
    return [mail for mail in found if str(run_id) in mail.as_string()]


def test_webhook_needs_a_destination(client: Client) -> None:
    """`slack-webhook-id` is no id: the API refuses the job, and `landfall jobs check` says so before."""
    config = of("/fails", **document("notifications"))
    refused = client.post("create", config)

    assert refused.status_code == 400
    assert refused.json()["message"].startswith(UNKNOWN)
    assert [each.code for each in findings_of(config, START) if each.code == "webhook-id"] == ["webhook-id"]


def test_failure_is_told_to_all(client: Client, place: Place) -> None:
    """A failed run is two e-mails to the tutorial's addresses, one to the team of its start, and one webhook."""
    job_id = client.create(of("/fails", **mended_notifications(place)))
    run_id = client.ended(client.run_now(job_id))["run_id"]
    block_until(lambda: len(mails(place, run_id)) == 3)
    block_until(lambda: any(body["run"]["run_id"] == run_id for body in place.hooks.bodies))
    (hook,) = [body for body in place.hooks.bodies if body["run"]["run_id"] == run_id]

    assert sorted(str(mail["To"]) for mail in mails(place, run_id)) == [
        "oncall@company.com",
        "team@company.com",
        "team@company.com",
    ]
    assert (hook["event_type"], hook["job"]) == ("jobs.on_failure", {"job_id": job_id, "name": "ETL"})


def test_success_is_told_by_mail_alone(client: Client, place: Place) -> None:
    """A run that succeeds is two e-mails to the team, and no webhook."""
    run_id = client.ended(client.run_now(client.create(of("/works", **mended_notifications(place)))))["run_id"]
    block_until(lambda: len(mails(place, run_id)) == 2)

    assert {str(mail["To"]) for mail in mails(place, run_id)} == {"team@company.com"}
    assert run_id not in [body["run"]["run_id"] for body in place.hooks.bodies]


def test_duration_warning_needs_a_rule(client: Client, place: Place) -> None:
    """Addresses alone warn nobody however long a run takes; with a health rule the team is told while it runs."""
    notifications = {"email_notifications": {WARNING: ["team@company.com"]}}
    rule = {"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 1}
    silent, warned = of("/sleeps", **notifications), of("/sleeps", **notifications, health={"rules": [rule]})
    runs = [client.run_now(client.create(config)) for config in (silent, warned)]
    block_until(lambda: len(mails(place, runs[1])) == 1)
    told = [len(mails(place, run_id)) for run_id in runs]
    for run_id in runs:
        client.post("runs/cancel", {"run_id": run_id})

    assert told == [0, 1]
    assert [client.ended(run_id)["state"]["result_state"] for run_id in runs] == ["CANCELED", "CANCELED"]
    assert "duration-never-told" in [each.code for each in findings_of(silent, START)]
    assert "duration-never-told" not in [each.code for each in findings_of(warned, START)]


def test_state_of_a_run_is_read(client: Client) -> None:
    """A run that is active has a life cycle state and no result yet, one that has ended has both."""
    run_id = client.run_now(client.create(of("/sleeps")))
    active = client.running(run_id)
    client.post("runs/cancel", {"run_id": run_id})
    ended = client.ended(run_id)

    assert (active["state"]["life_cycle_state"], active["state"].get("result_state", "N/A")) == ("RUNNING", "N/A")
    assert (ended["state"]["life_cycle_state"], ended["state"].get("result_state", "N/A")) == ("TERMINATED", "CANCELED")


def test_listing_breaks_at_an_active_run(client: Client) -> None:
    """The tutorial's list asks each run for a result, which an active one has not: `.get` lists them all."""
    job_id = client.create(of("/sleeps", max_concurrent_runs=2))
    active = [client.run_now(job_id) for _ in range(2)]
    for run_id in active:
        client.running(run_id)
    runs = client.get("runs/list", job_id=job_id, limit=25).get("runs", [])

    with pytest.raises(KeyError, match="result_state"):
        [f"Run {run['run_id']}: {run['state']['result_state']}" for run in runs]
    assert [(run["run_id"], run["state"].get("result_state", "N/A")) for run in runs] == [
        (run_id, "N/A") for run_id in reversed(active)
    ]
    for run_id in active:
        client.post("runs/cancel", {"run_id": run_id})
        client.ended(run_id)


def test_cancelled_run_is_no_success(client: Client) -> None:
    """The answer to runs/cancel is empty and comes at once; the run ends a moment later, its notebook with it."""
    run_id = client.run_now(client.create(of("/sleeps")))
    client.running(run_id)
    answer = client.post("runs/cancel", {"run_id": run_id})
    ended = client.ended(run_id)

    assert (answer.status_code, answer.json()) == (200, {})
    assert client.results(ended) == {"main": "CANCELED"}


def job_page(client: Client, job_id: int) -> str:
    """Return the text of a job's page, which shows the figures that the tutorial wants watched."""
    answer = requests.get(f"{client.host}/jobs/{job_id}", headers=client.headers, timeout=20)
    assert answer.status_code == 200, answer.text
    page = Page()
    page.feed(answer.text)
    page.close()
    return page.text


def test_figures_are_on_the_page_of_a_job(client: Client, place: Place) -> None:
    """Success rate, duration, failures by their code and runs beyond the limit; and no word of a cost."""
    rule = {"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 3600}
    job_id = client.create(of("/works", health={"rules": [rule]}))
    for outcome in ("FAILED", "INTERNAL_ERROR"):
        place.faults.outcomes.add(planned_outcome({"outcome": outcome, "job_id": job_id}))
    runs = [client.ended(client.run_now(job_id)) for _ in range(4)]
    text = job_page(client, job_id)
    listed = client.get("runs/list", job_id=job_id, completed_only="true", limit=25)["runs"]
    succeeded = [run for run in listed if run["state"].get("result_state") == "SUCCESS"]

    assert len(succeeded) / len(listed) == 0.5
    assert all(run["run_duration"] > 0 for run in runs)
    assert "Success rate 50 % 2 of 4" in text
    assert "Median duration" in text
    assert "Failures 2 " in text
    assert "Late 0 took 1 h or longer" in text
    assert "cost" not in text.lower()
    assert "dbu" not in text.lower()
