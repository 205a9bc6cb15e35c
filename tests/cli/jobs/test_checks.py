"""What is found in jobs before they run."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.jobs.checks import findings_of
from cli.jobs.findings import CODES
from cli.rules.check.findings import Level
from tests.cli.jobs.kit import SAMPLES, TUTORIAL, a_job, a_task, landfall_jobs, written

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DURATION = "on_duration_warning_threshold_exceeded"
RULE = {"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 60}


def codes(settings: dict[str, Any]) -> list[str]:
    """Return the codes of what is found in a job, in their order."""
    return [finding.code for finding in findings_of(settings, NOW)]


def scheduled(expression: str, zone: str = "Europe/Paris") -> dict[str, Any]:
    """Return a job with a schedule."""
    return a_job(schedule={"quartz_cron_expression": expression, "timezone_id": zone})


def notebook(path: str = "/n", **parameters: str) -> dict[str, Any]:
    """Return what a notebook task says of its notebook."""
    return {"notebook_path": path, "base_parameters": parameters}


def said(settings: dict[str, Any], code: str) -> str:
    """Return the message of the one finding with a code."""
    (message,) = [finding.message for finding in findings_of(settings, NOW) if finding.code == code]
    return message


def test_sound_job_has_no_findings() -> None:
    """Nothing is said of a job that will do what it says."""
    assert codes(a_job()) == []


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (a_job(queue=None), ["queue-off"]),
        (a_job(queue={"enabled": False}), ["queue-off"]),
        (a_job(queue=None, max_concurrent_runs=1), ["queue-off"]),
        (a_job(queue=None, max_concurrent_runs=2), []),
        (a_job(max_concurrent_runs=0), ["skips-runs"]),
        (a_job(run_as=None), ["runs-as-you"]),
        (a_job(run_as={"user_name": "a@b.c", "service_principal_name": "d"}), ["run-as"]),
        (a_job(a_task(max_retries=2)), ["retries"]),
        (a_job(a_task(max_retries=-1)), ["retries"]),
        (a_job(a_task(notebook_task=notebook("ETL/x"))), ["notebook-path"]),
        (a_job(a_task(new_cluster={"num_workers": 2, "autoscale": {}})), ["cluster-size"]),
        (
            a_job(job_clusters=[{"job_cluster_key": "c", "new_cluster": {"num_workers": 0, "autoscale": {}}}]),
            ["cluster-size"],
        ),
        (a_job(a_task(new_cluster={"num_workers": 2})), []),
        (a_job(email_notifications={DURATION: ["a@b.cd"]}), ["duration-never-told"]),
        (a_job(email_notifications={DURATION: ["a@b.cd"]}, health={"rules": [RULE]}), []),
        (a_job(a_task(email_notifications={DURATION: ["a@b.cd"]}), health={"rules": [RULE]}), ["duration-never-told"]),
        (a_job(webhook_notifications={"on_failure": [{"id": "slack-webhook-id"}]}), ["webhook-id"]),
        (a_job(webhook_notifications={"on_failure": [{"id": "0481e838-0a59-4eff-9541-a4ca6f149574"}]}), []),
        (a_job(a_task(existing_cluster_id="<cluster-id>")), ["placeholder"]),
        (a_job(description="<not one>"), []),
        (a_job(name=""), ["invalid"]),
        (a_job(a_task("a", "b"), a_task("b", "a")), ["invalid"]),
        ({"name": "x", "run_as": {"user_name": "u"}, "queue": {"enabled": True}}, ["invalid"]),
    ],
)
def test_finding(settings: dict[str, Any], found: list[str]) -> None:
    """Each finding, and where there is none."""
    assert codes(settings) == found


@pytest.mark.parametrize(
    ("source", "code", "says"),
    [
        ("{{job.start_date}}", "unknown-reference", "Did you mean `{{job.start_time.iso_date}}`?"),
        ("{{job.parameters.dat}}", "unknown-reference", "Did you mean `date`?"),
        ("{{tasks.frist.run_id}}", "unknown-reference", "Did you mean `first`?"),
        ("{{tasks.later.run_id}}", "reference-not-upstream", "does not depend on `later`"),
        ("{{tasks.load-crm.run_id}}", "reference-literal", "{{tasks.`load-crm`.run_id}}"),
        ("{{input}}", "reference-literal", "for_each_task only"),
        ("{{run_id}}", "reference-deprecated", "write {{task.run_id}}"),
        ("{{tasks.first.values.n}}{{job.parameters.date}}", "", ""),
        ("{{tasks.middle.values.n}}{{other.thing}}", "", ""),
    ],
)
def test_references_are_judged(source: str, code: str, says: str) -> None:
    """A wrong name, one without a value yet, and what is passed on as it stands, each with what was meant."""
    settings = a_job(
        a_task("first"),
        a_task("middle", "first"),
        a_task("main", "middle", notebook_task=notebook(p=source)),
        a_task("later"),
        a_task("load-crm"),
        parameters=[{"name": "date", "default": ""}],
    )

    assert codes(settings) == ([code] if code else [])
    if code:
        assert says in said(settings, code)


def test_input_has_a_value_in_a_loop() -> None:
    """The nested task of a for_each_task may refer to its input."""
    nested = a_task("nested", notebook_task=notebook(p="{{input}}"))

    assert codes(a_job({"task_key": "loop", "for_each_task": {"inputs": "[1]", "task": nested}})) == []


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("0 0 0 * * MON", "`0 0 0 ? * MON`"),
        ("0 30 8-17 * * MON-FRI", "`0 30 8-17 ? * MON-FRI`"),
        ("0 2 * * *", "seconds before the minutes"),
        ("0 0 0 ? * *", ""),
        ("0 0 25 * * ?", "is no Quartz expression"),
    ],
)
def test_invalid_cron_is_told_with_the_right_one(expression: str, says: str) -> None:
    """Two rows of the tutorial's table are refused by Quartz, and what they mean is a `?` away."""
    if says:
        assert says in said(scheduled(expression), "cron-invalid")
    else:
        assert "cron-invalid" not in codes(scheduled(expression))


def test_next_times_are_told_in_their_zone() -> None:
    """Whoever reads the next three times sees what an expression really means."""
    assert said(scheduled("0 0 9 1 * ?"), "cron-next").split(": ")[1].split(", ") == [
        "Tue 2026-12-01 09:00:00 CET",
        "Fri 2027-01-01 09:00:00 CET",
        "Mon 2027-02-01 09:00:00 CET.",
    ]


def test_minutes_in_place_of_hours_are_told() -> None:
    """The tutorial's "every four hours" is every four minutes."""
    message = said(scheduled("0 */4 * * * ?"), "cron-often")

    assert message.startswith("`0 */4 * * * ?` fires every 4 minutes.")
    assert "`0 0 */4 * * ?` fires every 4 hours" in message


def test_hour_that_clocks_skip_is_told() -> None:
    """At 2 in Paris a day of March has no run, and at 3, or in UTC, every day has one."""
    message = said(scheduled("0 0 2 * * ?"), "cron-clock-change")

    assert "does not fire on 2027-03-28" in message
    assert "from 02:00 to 03:00" in message
    assert "cron-clock-change" not in codes(scheduled("0 0 3 * * ?"))
    assert "cron-clock-change" not in codes(scheduled("0 0 2 * * ?", "UTC"))
    assert "cron-clock-change" not in codes(scheduled("0 0 * * * ?"))


def test_schedule_that_never_fires_is_told() -> None:
    """Quartz takes the 31st of February for a day; it never comes."""
    assert codes(scheduled("0 0 0 31 2 ?")) == ["cron-never"]


def test_unknown_time_zone_is_told() -> None:
    """A schedule in no zone never fires."""
    assert "There is no time zone `Europe/Pari`" in said(scheduled("0 0 9 1 * ?", "Europe/Pari"), "cron-invalid")
    assert codes(scheduled("0 0 9 1 * ?", "../../etc/passwd")) == ["cron-invalid"]


def test_tutorial_as_it_is_has_its_mistakes_found() -> None:
    """Everything that is wrong with the tutorial's first job is found before it is created."""
    settings = json.loads(TUTORIAL.read_text(encoding="utf-8"))

    found = codes(settings)

    assert sorted(found) == sorted(
        [
            *["unknown-reference"] * 3,
            "cluster-size",
            *["placeholder"] * 3,
            "queue-off",
            "cron-clock-change",
            "cron-next",
            "retries",
            "runs-as-you",
        ]
    )


FIELDS = ["tasks", "task_key", "depends_on", "notebook_task", "for_each_task", "task", "schedule", "health", "rules"]
FIELDS += ["parameters", "name", "new_cluster", "webhook_notifications", "queue", "run_as", "quartz_cron_expression"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), below, max_size=4),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(["name", "tasks", "schedule", "parameters", "queue", "job_clusters"]), JSON))
def test_any_document_can_be_checked(document: dict[str, Any]) -> None:
    """What is no job is told so, and is no crash."""
    assert all(finding.message for finding in findings_of(document, NOW))


@pytest.mark.parametrize(
    ("settings", "options", "status"),
    [
        (a_job(), [], 0),
        (a_job(queue=None), [], 0),
        (a_job(queue=None), ["--strict"], 1),
        (scheduled("0 0 0 * * MON"), [], 1),
        (scheduled("0 0 3 * * ?"), ["--strict"], 0),
    ],
)
def test_exit_status_tells_how_bad_it_is(settings: dict[str, Any], options: list[str], status: int) -> None:
    """0: nothing wrong; 1: errors, with --strict warnings too."""
    assert landfall_jobs("check", written(settings), *options).exit_code == status


def test_unreadable_file_is_status_2() -> None:
    """A missing file or a broken one is not a finding."""
    assert landfall_jobs("check", "missing.yaml").exit_code == 2
    Path("broken.json").write_text("{", encoding="utf-8")
    assert landfall_jobs("check", "broken.json").exit_code == 2


def test_text_has_a_line_for_each_finding() -> None:
    """file: job: path: level[code]: message on standard output; counts on standard error."""
    result = landfall_jobs("check", written(a_job(queue=None)))

    assert result.stdout.startswith("job.json: ETL: queue: warning[queue-off]: The queue is not asked for")
    assert result.stderr == "1 job checked: 1 warning.\n"


def test_json_is_one_document() -> None:
    """Scripts get jobs, counts, and every finding with its place."""
    document = json.loads(landfall_jobs("check", written(a_job(queue=None)), "--format", "json").stdout)

    assert document["jobs"] == [{"file": "job.json", "name": "ETL"}]
    assert document["summary"] == {"error": 0, "warning": 1, "note": 0}
    (finding,) = document["findings"]
    assert (finding["level"], finding["code"], finding["path"]) == ("warning", "queue-off", "queue")


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    """A job may be called anything: no name breaks a line or colours a terminal."""
    result = landfall_jobs("check", written(a_job(name="[red]x\x1b[31m\ny", queue=None)))

    assert "\x1b[31m" not in result.stdout
    assert "[red]x" in result.stdout
    assert len(result.stdout.splitlines()) == 1


def test_every_code_is_documented() -> None:
    """docs/jobs.md has a row for each code, with its level."""
    text = (SAMPLES.parent / "docs" / "jobs.md").read_text(encoding="utf-8")

    for code, level in CODES.items():
        assert f"| `{code}` | {level} |" in text
    assert {level.value for level in CODES.values()} == {level.value for level in Level}
