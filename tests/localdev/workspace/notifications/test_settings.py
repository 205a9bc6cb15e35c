"""Reading and checking what jobs and tasks want to tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from localdev.workspace.errors import ApiError
from localdev.workspace.json_fields import Fields
from localdev.workspace.notifications.model import SILENT, Channel, Event, Receiver
from localdev.workspace.notifications.settings import check, is_address, read
from tests.localdev.workspace.kit import Json, job, settings_of, task

DESTINATION = "0481e838-0a59-4eff-9541-a4ca6f149574"


def known(destination_id: str) -> bool:
    """Tell whether a destination exists."""
    return destination_id == DESTINATION


def refusal(document: Json) -> str:
    """Return with what words settings are refused."""
    with pytest.raises(ApiError) as refused:
        check(document, known)
    assert refused.value.status == 400
    return str(refused.value)


def test_tutorial_is_understood() -> None:
    """Its addresses, event by event."""
    emails = {
        "on_start": ["team@company.com"],
        "on_success": ["team@company.com"],
        "on_failure": ["team@company.com", "oncall@company.com"],
        "on_duration_warning_threshold_exceeded": ["team@company.com"],
    }
    document = job(email_notifications=emails)

    check(document, known)
    wanted = read(Fields(document))

    assert wanted.emails == {event: tuple(emails[event]) for event in Event}


def test_tutorials_webhook_id_is_refused() -> None:
    """A slug is no destination: the refusal says what an id is and where to get one."""
    message = refusal(job(webhook_notifications={"on_failure": [{"id": "slack-webhook-id"}]}))

    assert "Webhook with id 'slack-webhook-id' was not found." in message
    assert "UUID" in message
    assert "/api/2.0/notification-destinations" in message


def test_three_destinations_are_the_most() -> None:
    """Per event, at Databricks as here."""
    check(job(webhook_notifications={"on_start": [{"id": DESTINATION}] * 3}), known)
    message = refusal(job(webhook_notifications={"on_start": [{"id": DESTINATION}] * 4}))

    assert message.startswith("webhook_notifications.on_start has 4 destinations; a maximum of 3")


def test_tasks_are_checked_too() -> None:
    """And the refusal names the task."""
    message = refusal(job(task("load", webhook_notifications={"on_start": [{"id": "x"}]})))

    assert message.startswith("Task 'load': Webhook with id 'x'")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"email_notifications": {"on_failure": "team@company.com"}}, "Expected array for field 'on_failure'"),
        ({"email_notifications": {"on_failure": ["everybody"]}}, "'everybody' is no e-mail address"),
        ({"email_notifications": {"on_streaming_backlog_exceeded": ["x"]}}, "'x' is no e-mail address"),
        ({"email_notifications": {"on_start": ["a@b.c\nBcc: x@y.z"]}}, "is no e-mail address"),
        ({"webhook_notifications": {"on_failure": ["x"]}}, "Expected object for field 'on_failure', found STRING"),
        ({"webhook_notifications": {"on_failure": [{}]}}, "Webhook with id '' was not found."),
        ({"notification_settings": {"no_alert_for_skipped_runs": "yes"}}, "Expected boolean"),
        ({"health": {"rules": [{"metric": "SPEED", "op": "GREATER_THAN", "value": 1}]}}, "metric is 'SPEED'"),
        ({"health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "LESS", "value": 1}]}}, "op is 'LESS'"),
        ({"health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN"}]}}, "has no value"),
        (
            {"health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": -1}]}},
            "value is -1",
        ),
    ],
)
def test_what_cannot_be_sent_is_refused(settings: Json, words: str) -> None:
    """When the job is created, and not when somebody waits for the message."""
    assert words in refusal(job(**settings))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("data-team@company.com", True),
        ("o'neil+jobs@a.b-c.example", True),
        ("root@localhost", True),
        ("", False),
        ("a@b@c", False),
        ("a b@c.d", False),
        ("Team <team@company.com>", False),
        ("a@b.c,d@e.f", False),
        ("a@b.c\r\nBcc: d@e.f", False),
        ("a@b.c\n", False),
        ("ä@b.c", False),
        (f"{'a' * 64}@{'b' * 200}", False),
    ],
)
def test_addresses_are_plain(text: str, good: bool) -> None:  # noqa: FBT001 - a table's column
    """One address, and nothing that a mail server would understand as more."""
    assert is_address(text) is good


def test_nothing_wanted_is_silence() -> None:
    """The defaults that Databricks adds are empty objects."""
    settings = settings_of(task("a"))

    assert (settings.notifications, settings.tasks["a"].notifications) == (SILENT, SILENT)


def test_all_of_it_is_read() -> None:
    """Also of tasks, whose switches are their own; of several limits the shortest counts."""
    limits = [
        {"metric": "STREAMING_BACKLOG_FILES", "op": "GREATER_THAN", "value": 1},
        {"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 60},
        {"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 5},
    ]
    more: dict[str, Any] = {
        "email_notifications": {"on_start": ["a@b.c", "a@b.c"], "no_alert_for_skipped_runs": True},
        "webhook_notifications": {"on_start": [{"id": DESTINATION}]},
        "notification_settings": {
            "no_alert_for_skipped_runs": True,
            "no_alert_for_canceled_runs": True,
            "alert_on_last_attempt": True,
        },
        "health": {"rules": limits},
    }
    check(job(task("a", **more)), known)
    wanted = settings_of(task("a", **more)).tasks["a"].notifications

    assert wanted.receivers(Event.START) == (
        Receiver(channel=Channel.EMAIL, address="a@b.c"),
        Receiver(channel=Channel.DESTINATION, address=DESTINATION),
    )
    assert (wanted.mute_skipped, wanted.mute_skipped_emails, wanted.mute_cancelled, wanted.last_attempt_only) == (
        (True,) * 4
    )
    assert wanted.expected_duration == timedelta(seconds=5)
