"""What has landed in a benchmark's container: 30 days of daily folders, as many files in each.

It is always 23:00 on the last of these days when a benchmark begins, so that a look-back of 22 hours is within it.
"""

from __future__ import annotations

import base64
import bisect
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.model import Arrival, Source
from shared.storage_connection import EMULATOR_ACCOUNT

CONTAINER = "landing"
DAYS = 30
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
NOW = SINCE + timedelta(days=DAYS, hours=-1)
LAST_DAY = f"crm/{NOW:%Y-%m-%d}/"
_HOURS_A_DAY = 22  # in which files land: those of the last day are old enough for a sweep, too


@dataclass(frozen=True, slots=True)
class Landed:
    """So many blobs, numbered from 0; their names sort as their numbers do."""

    count: int

    def name(self, number: int) -> str:
        """Return the name of a blob."""
        return f"crm/{SINCE + timedelta(days=number * DAYS // self.count):%Y-%m-%d}/orders-{number:09d}.csv"

    def committed_at(self, number: int) -> datetime:
        """Return when it was uploaded, in whole seconds."""
        day, of_day = divmod(number * DAYS, self.count)
        return SINCE + timedelta(days=day, seconds=of_day * _HOURS_A_DAY * 3600 // self.count)

    @staticmethod
    def etag(number: int) -> str:
        """Return its ETag, without quotes."""
        return f"0x8DE{number:012X}"

    @staticmethod
    def size(number: int) -> int:
        """Return its size in bytes."""
        return 1_000 + number

    @staticmethod
    def md5(number: int) -> str:
        """Return the MD5 that Blob Storage has of it."""
        return base64.b64encode(hashlib.md5(b"%d" % number, usedforsecurity=False).digest()).decode()

    def first_from(self, text: str) -> int:
        """Return the number of the first blob whose name is not less than a text."""
        return bisect.bisect_left(range(self.count), text, key=self.name)

    def numbers(self, prefix: str) -> range:
        """Return the numbers of the blobs below a prefix."""
        return range(self.first_from(prefix), self.first_from(f"{prefix}\U0010ffff"))

    def arrival(self, number: int) -> Arrival:
        """Return the arrival as its event told of it."""
        return Arrival(
            account=EMULATOR_ACCOUNT,
            container=CONTAINER,
            path=self.name(number),
            version=self.etag(number),
            committed_at=self.committed_at(number),
            source=Source.EVENT,
            size=self.size(number),
            md5=self.md5(number),
            content_type="text/csv",
            blob_type="BlockBlob",
        )
