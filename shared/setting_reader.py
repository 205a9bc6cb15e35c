"""Reads typed values from an environment: every fault is kept, and a faulty value reads as a stand-in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from shared.addresses import is_safe, split_address
from shared.containers import OUR_PREFIX, is_well_formed
from shared.durations import parse_duration
from shared.errors import Fault
from shared.redaction import redacted
from shared.secret import Secret
from shared.storage_connection import StorageConnection, read_connection

_LONGEST_SHOWN = 200
_LONGEST = timedelta(days=3660)  # so far back there is a calendar, and nothing that anybody lists
# UTC-12 and UTC+14 are the farthest: see listing_plan/window.
_BEHIND_MOST, _AHEAD_MOST = 12, 14
_ZONES = re.compile(r"-(\d{1,2})h\.\.\+(\d{1,2})h")


class SettingReader:
    """Reads typed values from an environment and gathers what is wrong; a faulty value reads as a stand-in."""

    def __init__(self, environment: Mapping[str, str], defaults: Mapping[str, str | None]) -> None:
        self._environment = environment
        self._defaults = defaults
        self.faults: list[Fault] = []

    def fault(self, message: str) -> None:
        """Keep one thing that is wrong."""
        self.faults.append(Fault(message))

    def has(self, name: str) -> bool:
        """Tell whether a setting is there."""
        return bool(self._environment.get(name, "").strip())

    def text(self, name: str) -> str:
        """Return a setting, or its default."""
        return self._environment.get(name, "").strip() or self._defaults[name] or ""

    def secret(self, name: str) -> Secret:
        """Return a setting that is never shown."""
        return Secret(self.text(name))

    def token(self, name: str) -> Secret:
        """Return a token that goes into a header, and is never shown."""
        text = self.text(name)
        if text and not (text.isascii() and text.isprintable() and " " not in text):
            self.fault(f"{name} holds a space, a line break or a letter that no token has; its text is not shown.")
        return Secret(text)

    def matching(self, name: str, pattern: re.Pattern[str], expected: str) -> str:
        """Return a setting that must be of a form."""
        text = self.text(name)
        if not pattern.fullmatch(text):
            self.fault(f"{name} is {_shown(text)}; it must be {expected}.")
        return text

    def duration(self, name: str, *, shortest: timedelta = timedelta(seconds=1)) -> timedelta:
        """Return a length of time."""
        text = self.text(name)
        try:
            duration = parse_duration(text)
        except ValueError as error:
            self.fault(f"{name} is {_shown(text)}; {error}.")
            return shortest
        if duration < shortest:
            self.fault(f"{name} is {text}; it must be at least {shortest.total_seconds():.0f}s.")
        elif duration > _LONGEST:
            self.fault(f"{name} is {text}; it must be at most {_LONGEST.days}d.")
            return _LONGEST
        return duration

    def count(self, name: str) -> int:
        """Return a whole number that is not negative."""
        text = self.text(name)
        if not (text.isascii() and text.isdecimal() and len(text) <= 12):
            self.fault(f"{name} is {_shown(text)}; it must be a whole number, 0 or more.")
            return 0
        return int(text)

    def zones(self, name: str) -> tuple[timedelta, timedelta]:
        """Return how far a range of hours reaches behind and ahead of UTC."""
        text = self.text(name)
        found = _ZONES.fullmatch(text)
        if not found or int(found[1]) > _BEHIND_MOST or int(found[2]) > _AHEAD_MOST:
            expected = "a range of hours around UTC within -12h..+14h, as -1h..+2h"
            self.fault(f"{name} is {_shown(text)}; it must be {expected}.")
            return timedelta(0), timedelta(0)
        return timedelta(hours=int(found[1])), timedelta(hours=int(found[2]))

    def container(self, name: str) -> str:
        """Return the name of a container that is ours, or ""."""
        text = self.text(name)
        if text and not (is_well_formed(text) and text.startswith(OUR_PREFIX)):
            expected = f"a container's name that begins with {OUR_PREFIX}, where no rule looks"
            self.fault(f"{name} is {_shown(text)}; it must be {expected}.")
        return text

    def host(self, name: str) -> str:
        """Return a workspace's address, without a path."""
        text = self.text(name).rstrip("/")
        if not text:
            self.fault(f"{name} is missing: set it to the workspace's address, https://adb-….azuredatabricks.net.")
            return ""
        parts = split_address(text if "://" in text else f"https://{text}")
        if parts is not None and (parts.username or parts.password):
            self.fault(f"{name} must not hold a user name or password.")
        elif parts is None or not is_safe(parts) or parts.path or parts.query or parts.fragment:
            self.fault(f"{name} is {_shown(text)}; it must be https:// and a host, without a path.")
        return f"{parts.scheme}://{parts.netloc}" if parts else ""

    def blob_url(self, name: str) -> Secret:
        """Return a blob's address, which may hold a signature."""
        text = self.text(name)
        parts = split_address(text)
        if text and (parts is None or not is_safe(parts) or parts.path.count("/") < 2):
            self.fault(f"{name} must be the https:// address of a blob; its text is not shown, it may hold a secret.")
        return Secret(text)

    def connection(self, name: str) -> StorageConnection:
        """Return the connection `name`, or the Functions host's own storage where it is not set."""
        found = read_connection(name, self._environment) or read_connection("AzureWebJobsStorage", self._environment)
        if isinstance(found, StorageConnection):
            return found
        missing = Fault("AzureWebJobsStorage is missing: Azure Functions and Landfall keep their state there.")
        if (fault := found or missing) not in self.faults:
            self.faults.append(fault)
        return StorageConnection(account="", blob_endpoint="", queue_endpoint="", table_endpoint="")


def _shown(text: str) -> str:
    """Return a value as a fault shows it: bounded, and without what looks like a secret put into the wrong setting."""
    return repr(redacted(text)[:_LONGEST_SHOWN])
