"""Reading what a job or a task wants to tell, and checking what can be known only when the settings come in.

`read` takes whatever has the right shape, because it also reads what was kept long ago; `check` is for the door.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from localdev.workspace.errors import ApiError, invalid, malformed
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.notifications.model import Event, Notifications

MOST_DESTINATIONS = 3  # per event. https://docs.databricks.com/aws/en/jobs/notifications
DURATION_METRIC = "RUN_DURATION_SECONDS"
_METRICS = frozenset(
    {
        DURATION_METRIC,
        "STREAMING_BACKLOG_BYTES",
        "STREAMING_BACKLOG_FILES",
        "STREAMING_BACKLOG_RECORDS",
        "STREAMING_BACKLOG_SECONDS",
    }
)
# Accepted, and never sent: nothing here streams, and nobody maintains a laptop.
_OTHER_EVENTS = ("on_streaming_backlog_exceeded", "on_maintenance_start", "on_maintenance_complete")
_EVENTS = (*Event, *_OTHER_EVENTS)
LONGEST_ADDRESS = 254  # characters. https://www.rfc-editor.org/errata/eid1690
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
LONGEST_DURATION = 10 * 365 * 86400  # seconds


def read(fields: Fields) -> Notifications:
    """Return what a job's or a task's settings want told; raises ApiError where the JSON has another shape."""
    emails = Fields(fields.object("email_notifications"))
    webhooks = Fields(fields.object("webhook_notifications"))
    mutes = Fields(fields.object("notification_settings"))
    return Notifications(
        emails={event: emails.text_list(event) for event in Event if emails.has(event)},
        webhooks={event: _ids(webhooks, event) for event in Event if webhooks.has(event)},
        mute_skipped=mutes.flag("no_alert_for_skipped_runs") or False,
        mute_skipped_emails=emails.flag("no_alert_for_skipped_runs") or False,
        mute_cancelled=mutes.flag("no_alert_for_canceled_runs") or False,
        last_attempt_only=mutes.flag("alert_on_last_attempt") or False,
        expected_duration=_expected_duration(fields),
    )


def check(document: Document, destination_exists: Callable[[str], bool]) -> None:
    """Check the notifications of a job's settings and of all its tasks; raises ApiError for what cannot be sent."""
    _check_level(Fields(document), "", destination_exists)
    for task in map(Fields, Fields(document).objects("tasks")):
        _check_task(task, "", destination_exists)


def is_address(text: str) -> bool:
    """Tell whether a text is one plain e-mail address, without a name, a line break or a second address."""
    return len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


def _ids(fields: Fields, name: str) -> tuple[str, ...]:
    return tuple(Fields(webhook).text("id") for webhook in fields.objects(name))


def _expected_duration(fields: Fields) -> timedelta | None:
    """Return the shortest duration that a health rule calls too long; the rule's `op` can only be GREATER_THAN."""
    limits = [
        rule.whole_number("value", 0, most=LONGEST_DURATION)
        for rule in map(Fields, Fields(fields.object("health")).objects("rules"))
        if rule.text("metric") == DURATION_METRIC
    ]
    return timedelta(seconds=min(limits)) if limits else None


def _check_task(task: Fields, before: str, destination_exists: Callable[[str], bool]) -> None:
    where = f"{before}Task {task.text('task_key')!r}: "
    _check_level(task, where, destination_exists)
    nested = Fields(task.object("for_each_task")).object("task")
    if nested:
        _check_task(Fields(nested), where, destination_exists)


def _check_level(fields: Fields, where: str, destination_exists: Callable[[str], bool]) -> None:
    read(fields)
    _check_addresses(Fields(fields.object("email_notifications")), where)
    _check_destinations(Fields(fields.object("webhook_notifications")), where, destination_exists)
    for rule in Fields(fields.object("health")).objects("rules"):
        _check_rule(Fields(rule), where)


def _check_addresses(emails: Fields, where: str) -> None:
    for event in _EVENTS:
        for address in emails.text_list(event):
            if not is_address(address):
                raise invalid(f"{where}email_notifications.{event}: {address[:300]!r} is no e-mail address.")


def _check_destinations(webhooks: Fields, where: str, destination_exists: Callable[[str], bool]) -> None:
    for event in _EVENTS:
        ids = _ids(webhooks, event)
        if len(ids) > MOST_DESTINATIONS:
            raise invalid(
                f"{where}webhook_notifications.{event} has {len(ids)} destinations; "
                f"a maximum of {MOST_DESTINATIONS} destinations can be specified."
            )
        for each in ids:
            if not destination_exists(each):
                raise _unknown_destination(each, where)


def _unknown_destination(destination_id: str, where: str) -> ApiError:
    """Return the refusal, whose first sentence is a real workspace's.

    https://github.com/databricks/terraform-provider-databricks/issues/1989
    """
    return invalid(
        f"{where}Webhook with id '{destination_id[:300]}' was not found. An id is a notification destination's UUID: "
        "make one with POST /api/2.0/notification-destinations."
    )


def _check_rule(rule: Fields, where: str) -> None:
    metric = rule.text("metric")
    if metric not in _METRICS:
        raise invalid(f"{where}health.rules: metric is {metric!r}; it must be one of {', '.join(sorted(_METRICS))}.")
    if rule.text("op") != "GREATER_THAN":
        raise invalid(f"{where}health.rules: op is {rule.text('op')!r}; it must be GREATER_THAN.")
    if not rule.has("value"):
        raise malformed(f"{where}health.rules: {metric} has no value")
    rule.whole_number("value", 0)
