"""Section 5 of the tutorial: cron expressions, and a job that is started when a file arrives."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests

from cli.jobs.checks import findings_of
from localdev.workspace.faults import Fault
from localdev.workspace.triggers.quartz import parse
from tests.localdev.workspace.kit import START, Json, job, notebook
from tests.localdev.workspace.tutorial.tutorial_kit import Client, Place

PARIS = ZoneInfo("Europe/Paris")
BOTH_DAYS = "Support for specifying both a day-of-week AND a day-of-month parameter is not implemented"
RUN_NOW = "POST /api/2.1/jobs/run-now"


def scheduled(expression: str) -> Json:
    """Return a job with a schedule."""
    return job(schedule={"quartz_cron_expression": expression, "timezone_id": "Europe/Paris", "pause_status": "PAUSED"})


def fires(expression: str, after: datetime = START, count: int = 3) -> list[str]:
    """Return the next local times of an expression, in Paris."""
    found: list[datetime] = []
    for _ in range(count):
        moment = parse(expression).next_after(found[-1] if found else after, PARIS)
        assert moment is not None
        found.append(moment)
    return [moment.astimezone(PARIS).strftime("%a %Y-%m-%d %H:%M") for moment in found]


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("0 0 2 * * ?", ["Mon 2026-11-23 02:00", "Tue 2026-11-24 02:00", "Wed 2026-11-25 02:00"]),
        ("0 0 9 1 * ?", ["Tue 2026-12-01 09:00", "Fri 2027-01-01 09:00", "Mon 2027-02-01 09:00"]),
    ],
)
def test_valid_rows_fire_as_described(client: Client, expression: str, times: list[str]) -> None:
    """Two of the table's five rows do what it says of them."""
    assert client.post("create", scheduled(expression)).status_code == 200
    assert fires(expression) == times


def test_daily_row_misses_a_day_a_year(client: Client) -> None:
    """In Paris there is no 02:00 on the day when summer time begins; 03:00 is there every day."""
    before = datetime(2027, 3, 26, 12, 0, tzinfo=UTC)

    assert fires("0 0 2 * * ?", before, 2) == ["Sat 2027-03-27 02:00", "Mon 2027-03-29 02:00"]
    assert fires("0 0 3 * * ?", before, 2) == ["Sat 2027-03-27 03:00", "Sun 2027-03-28 03:00"]
    assert "cron-clock-change" in [each.code for each in findings_of(scheduled("0 0 2 * * ?"), START)]
    assert client.post("create", scheduled("0 0 2 * * ?")).status_code == 200


def test_every_four_hours_is_every_four_minutes(client: Client) -> None:
    """`0 */4 * * * ?` is taken and means something else; `landfall jobs check` says what, and what was meant."""
    (warning,) = [each for each in findings_of(scheduled("0 */4 * * * ?"), START) if each.code == "cron-often"]

    assert client.post("create", scheduled("0 */4 * * * ?")).status_code == 200
    assert fires("0 */4 * * * ?") == ["Sun 2026-11-22 13:04", "Sun 2026-11-22 13:08", "Sun 2026-11-22 13:12"]
    assert fires("0 0 */4 * * ?") == ["Sun 2026-11-22 16:00", "Sun 2026-11-22 20:00", "Mon 2026-11-23 00:00"]
    assert warning.message == (
        "`0 */4 * * * ?` fires every 4 minutes. "
        "Its fields are seconds, minutes, hours, …: `0 0 */4 * * ?` fires every 4 hours."
    )


@pytest.mark.parametrize(
    ("wrong", "right", "times", "at"),
    [
        ("0 0 0 * * MON", "0 0 0 ? * MON", ["Mon 2026-11-23 00:00", "Mon 2026-11-30 00:00"], 11),
        ("0 30 8-17 * * MON-FRI", "0 30 8-17 ? * MON-FRI", ["Mon 2026-11-23 08:30", "Mon 2026-11-23 09:30"], 15),
    ],
)
def test_rows_with_both_days_are_refused(client: Client, wrong: str, right: str, times: list[str], at: int) -> None:
    """Quartz takes a day of the month or one of the week, and `?` for the other; the refusal is in its words."""
    refused = client.post("create", scheduled(wrong))
    (error,) = [each for each in findings_of(scheduled(wrong), START) if each.code == "cron-invalid"]

    assert refused.status_code == 400
    assert refused.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert refused.json()["message"] == (
        f"Invalid quartz_cron_expression: {wrong}. Databricks uses Quartz cron syntax, which is different from the "
        "standard cron syntax. See "
        "http://www.quartz-scheduler.org/documentation/quartz-2.1.x/tutorials/crontrigger.html for more details. "
        f"({BOTH_DAYS}, at character {at})"
    )
    assert BOTH_DAYS in error.message
    assert f"`{right}`" in error.message
    assert client.post("create", scheduled(right)).status_code == 200
    assert fires(right, count=2) == times


def trigger_job_on_file_arrival(client: Client, job_id: str, file_path: str) -> int:
    """Start a job as the tutorial's function of this name does: no time-out, no look at the status, no token."""
    response = requests.post(  # noqa: S113 - the tutorial's mistake is what is tested
        f"{client.host}/api/2.1/jobs/run-now",
        headers=client.headers,
        json={"job_id": job_id, "notebook_params": {"file_path": file_path, "triggered_by": "event"}},
    )
    return int(response.json()["run_id"])


def trigger_once(client: Client, job_id: int, file_path: str, *, token: str, timeout: float = 60) -> int:
    """Start a job for a file, safely repeated: with a time-out, the status, a token and a place in the queue."""
    response = requests.post(
        f"{client.host}/api/2.1/jobs/run-now",
        headers=client.headers,
        json={
            "job_id": job_id,
            "notebook_params": {"file_path": file_path, "triggered_by": "event"},
            "idempotency_token": token,
            "queue": {"enabled": True},
        },
        timeout=timeout,
    )
    response.raise_for_status()
    return int(response.json()["run_id"])


@pytest.fixture
def job_id(client: Client, place: Place) -> int:
    """Return a job whose notebook says which file it was told of, as the tutorial creates jobs."""
    notebook(
        place.notebooks,
        "arrived",
        'dbutils.notebook.exit(dbutils.widgets.get("file_path") + " " + dbutils.widgets.get("triggered_by"))',
    )
    return client.create(job({"task_key": "main", "notebook_task": {"notebook_path": "/arrived"}}))


def runs_of(client: Client, job_id: int) -> list[int]:
    """Return the runs of a job, newest first."""
    return [run["run_id"] for run in client.get("runs/list", job_id=job_id, limit=25).get("runs", [])]


def test_notebook_is_told_of_the_file(client: Client, job_id: int) -> None:
    """When nothing goes wrong the tutorial's function works, its job id as text and all."""
    run = client.ended(trigger_job_on_file_arrival(client, str(job_id), "landing/crm/é 1.csv"))

    assert client.output(run, "main")["notebook_output"]["result"] == "landing/crm/é 1.csv event"


def test_burst_loses_files(client: Client, place: Place, tmp_path: Path) -> None:
    """Of three files that land at once the tutorial's way runs one; with a queue all run, one after the other."""
    go = tmp_path / "go"
    notebook(
        place.notebooks,
        "slow",
        f"import time\nfrom pathlib import Path\nwhile not Path({str(go)!r}).exists():\n    time.sleep(0.02)",
        'dbutils.notebook.exit(dbutils.widgets.get("file_path"))',
    )
    config = job({"task_key": "main", "notebook_task": {"notebook_path": "/slow"}})
    lossy, whole = client.create(config), client.create(config)
    files = ["a.csv", "b.csv", "c.csv"]
    lost = [trigger_job_on_file_arrival(client, str(lossy), file) for file in files]
    queued = [trigger_once(client, whole, file, token=f"burst-{file}") for file in files]
    go.touch()

    assert [client.ended(run_id)["state"]["life_cycle_state"] for run_id in lost] == [
        "TERMINATED",
        "SKIPPED",
        "SKIPPED",
    ]
    assert [client.output(client.ended(run_id), "main")["notebook_output"]["result"] for run_id in queued] == files


def test_refusal_is_a_key_error(client: Client, place: Place, job_id: int) -> None:
    """Who does not look at the status learns of a 429 that 'run_id' is missing, and nothing of why."""
    for _ in range(2):
        place.faults.add(Fault(pattern=RUN_NOW, status=429, body='{"error_code": "REQUEST_LIMIT_EXCEEDED"}'))
    with pytest.raises(KeyError, match="run_id"):
        trigger_job_on_file_arrival(client, str(job_id), "a.csv")

    with pytest.raises(requests.HTTPError, match="429 Client Error"):
        trigger_once(client, job_id, "a.csv", token="refused-a")
    assert runs_of(client, job_id) == []


def test_lost_answer_is_a_second_run(client: Client, place: Place, job_id: int) -> None:
    """An answer that is lost after the run has started makes two runs of one file; with a token there is one."""
    lost = Fault(pattern=RUN_NOW, drop=True, after=True)
    place.faults.add(lost)
    with pytest.raises(requests.ConnectionError):
        trigger_job_on_file_arrival(client, str(job_id), "a.csv")
    trigger_job_on_file_arrival(client, str(job_id), "a.csv")
    twice = runs_of(client, job_id)
    place.faults.add(lost)
    with pytest.raises(requests.ConnectionError):
        trigger_once(client, job_id, "b.csv", token="lost-b")
    known = trigger_once(client, job_id, "b.csv", token="lost-b")

    assert len(twice) == 2
    assert runs_of(client, job_id) == [known, *twice]


def test_silence_is_waited_out(client: Client, place: Place, job_id: int) -> None:
    """Without a time-out a silent workspace holds the caller for as long as it likes; with one it can ask again."""
    place.faults.add(Fault(pattern=RUN_NOW, latency=1.0))
    waited = client.run(trigger_job_on_file_arrival(client, str(job_id), "a.csv"))
    place.faults.add(Fault(pattern=RUN_NOW, latency=1.0))
    with pytest.raises(requests.Timeout):
        trigger_once(client, job_id, "b.csv", token="silent-b", timeout=0.2)
    run_id = trigger_once(client, job_id, "b.csv", token="silent-b")

    assert runs_of(client, job_id) == [run_id, waited["run_id"]]
