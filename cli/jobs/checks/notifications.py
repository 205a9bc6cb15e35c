"""Notifications that would never come, or go nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from cli.jobs.checks.settings import Settings, called, levels
from cli.jobs.findings import Finding
from shared.jobs.json_values import object_of, objects_of
from shared.wording import shown

_DURATION = "on_duration_warning_threshold_exceeded"
_METRIC = "RUN_DURATION_SECONDS"


def check(settings: Settings) -> Iterator[Finding]:
    """Yield what is to be said of the notifications of a job and its tasks."""
    for path, level in levels(settings):
        told = [name for name in ("email_notifications", "webhook_notifications") if _has(level, name)]
        rules = objects_of(object_of(level.get("health")).get("rules"))
        if told and not any(rule.get("metric") == _METRIC for rule in rules):
            message = (
                f"{called(path, level)} wants {_DURATION}, which is never told without a health rule for {_METRIC}: "
                'add "health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 3600}]}.'
            )
            yield Finding("duration-never-told", message, f"{path}{told[0]}.{_DURATION}")
        yield from _webhooks(path, level)


def _has(level: Settings, name: str) -> bool:
    return bool(object_of(level.get(name)).get(_DURATION))


def _webhooks(path: str, level: Settings) -> Iterator[Finding]:
    for event, destinations in object_of(level.get("webhook_notifications")).items():
        for number, destination in enumerate(objects_of(destinations)):
            if not _is_uuid(destination.get("id")):
                message = (
                    f"{shown(str(destination.get('id')))} is no UUID: a webhook's id is that of a notification "
                    "destination, which an administrator of the workspace makes."
                )
                yield Finding("webhook-id", message, f"{path}webhook_notifications.{event}[{number}].id")


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False
