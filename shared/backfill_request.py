"""What a person asks for when they ask for a backfill, read strictly: every fault is named, nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.containers import is_system_container
from shared.errors import RequestError
from shared.request_reader import RequestReader
from shared.wording import shown

# run-now takes about 20 a second of a workspace, and the files of today want their share of them:
# https://learn.microsoft.com/azure/databricks/resources/limits
DEFAULT_RATE = 10.0
LEAST_RATE, MOST_RATE = 0.1, 1000.0
HIGHEST_LIMIT = 1_000_000_000
LONGEST_PREFIX = 1100  # a container's name and the 1,024 characters that a blob's may have
LONGEST_NAME = 80
FIELDS = ("rule", "since", "until", "prefix", "limit", "rate", "dry_run", "asked_by")


@dataclass(frozen=True, kw_only=True, slots=True)
class BackfillRequest:
    """The range that somebody wants, and how fast."""

    rule: str  # its name, or one that it had
    asked_by: str
    since: datetime | None = None  # Last-Modified from this moment on, aware UTC
    until: datetime | None = None  # and before this one
    prefix: str = ""  # `container` or `container/beginning of names`
    limit: int | None = None  # claims
    rate: float = DEFAULT_RATE  # claims a second
    dry_run: bool = False

    def __post_init__(self) -> None:
        if faults := [*_faults(self)]:
            raise RequestError(faults)


def read_request(body: bytes, now: datetime, asked_by: str) -> BackfillRequest:
    """Return the request that a JSON object makes, such as `{"rule": "crm", "since": "7d", "limit": 100}`.

    Raises RequestError with every fault that can be told apart.
    """
    reader = RequestReader(body, FIELDS, '{"rule": "crm", "since": "7d"}')
    rule, prefix = reader.text("rule"), reader.text("prefix")
    since, until = reader.moment("since", now), reader.moment("until", now)
    limit, rate = reader.whole_or_none("limit"), reader.number("rate", DEFAULT_RATE)
    dry_run, asked_by = reader.flag("dry_run"), reader.text("asked_by", asked_by)
    reader.finish()
    return BackfillRequest(
        rule=rule,
        asked_by=asked_by,
        since=since,
        until=until,
        prefix=prefix,
        limit=limit,
        rate=rate,
        dry_run=dry_run,
    )


def _faults(request: BackfillRequest) -> list[str]:
    faults = []
    if not request.rule:
        faults.append("No rule is named: `rule` says whose files are wanted.")
    if request.since and request.until and request.since >= request.until:
        faults.append(f"Nothing is from {request.since.isoformat()} on and before {request.until.isoformat()}.")
    if request.limit is not None and not 1 <= request.limit <= HIGHEST_LIMIT:
        faults.append(f"The limit is {shown(str(request.limit))}; it must be from 1 to {HIGHEST_LIMIT}.")
    if not LEAST_RATE <= request.rate <= MOST_RATE:  # NaN is not
        faults.append(f"The rate is {request.rate:g}; it must be from {LEAST_RATE:g} to {MOST_RATE:g} a second.")
    if not 0 < len(request.asked_by) <= LONGEST_NAME or not request.asked_by.isprintable():
        faults.append(f"`asked_by` must be 1 to {LONGEST_NAME} printable characters.")
    return faults + _prefix_faults(request.prefix)


def _prefix_faults(prefix: str) -> list[str]:
    if not prefix:
        return []
    container = prefix.partition("/")[0]
    if len(prefix) > LONGEST_PREFIX:
        return [f"The prefix has {len(prefix)} characters; no blob's name is that long."]
    if not container:
        return [f"The prefix {shown(prefix)} names no container: write container/beginning."]
    if is_system_container(container):
        return [f"No rule watches the container {shown(container)}."]
    if any("\ud800" <= character <= "\udfff" for character in prefix):
        return [f"The prefix {shown(prefix)} holds half a character: no blob is called so."]
    return []
