"""The nouns of notifications, all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Event(StrEnum):
    """What a job can tell about. The values are the keys of `email_notifications` and `webhook_notifications`."""

    START = "on_start"
    SUCCESS = "on_success"
    FAILURE = "on_failure"
    DURATION = "on_duration_warning_threshold_exceeded"


class Channel(StrEnum):
    """How a notification travels."""

    EMAIL = "email"
    DESTINATION = "destination"


@dataclass(frozen=True, kw_only=True, slots=True)
class Receiver:
    """Who is told: an e-mail address, or a notification destination by its id."""

    channel: Channel
    address: str

    @property
    def lane(self) -> str:
        """Return what receivers share that have to wait for each other: all e-mails go to one mail server."""
        return "" if self.channel is Channel.EMAIL else self.address


@dataclass(frozen=True, kw_only=True, slots=True)
class Notifications:
    """What a job, or one of its tasks, wants to tell, and to whom."""

    emails: Mapping[Event, tuple[str, ...]] = field(default_factory=dict)
    webhooks: Mapping[Event, tuple[str, ...]] = field(default_factory=dict)  # ids of destinations
    mute_skipped: bool = False
    mute_skipped_emails: bool = False  # the same for e-mails alone: a setting from before there were webhooks
    mute_cancelled: bool = False
    last_attempt_only: bool = False  # (task) silent about what a retry may still put right
    expected_duration: timedelta | None = None  # a run that takes longer is worth a warning

    def receivers(self, event: Event) -> tuple[Receiver, ...]:
        """Return who is told of an event; nobody twice."""
        found = [Receiver(channel=Channel.EMAIL, address=each) for each in self.emails.get(event, ())]
        found += [Receiver(channel=Channel.DESTINATION, address=each) for each in self.webhooks.get(event, ())]
        return tuple(dict.fromkeys(found))


SILENT = Notifications()
