"""The nouns of Landfall, all frozen. All datetimes are aware UTC. Nothing here does I/O.

The words are those of docs/glossary.md; use them and no others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from json.encoder import encode_basestring
from typing import Any, Self

# Every run is told its entry by this parameter: by it a run of unknown outcome is found again, and a notebook can
# recognise a file that it has seen before.
ENTRY_PARAMETER = "landfall_entry"
# How the reason of an entry begins that a limit, or DISPATCH=off, keeps from being started.
HELD_BACK = "held back: "


class Source(StrEnum):
    """How Landfall learnt of an arrival; also what a job is told as `triggered_by`."""

    EVENT = "event"  # an Event Grid notification
    SWEEP = "sweep"  # the listing half of reconcile: a missed event
    BACKFILL = "backfill"  # a range that a person asked for, or the subtree of a directory that was renamed
    GATHER = "gather"  # a batch of files that Landfall has gathered; its arrival is its manifest


class State(StrEnum):
    """Where an entry stands. All but SETTLED and DEAD are open: they have a marker and a due time."""

    PENDING = "pending"  # claimed, or put back by busy/refused -> DISPATCHING
    DISPATCHING = "dispatching"  # leased, run-now may have been sent -> SUBMITTED, PENDING, DEAD
    SUBMITTED = "submitted"  # a run is known -> SETTLED, or PENDING as the next generation
    HELD = "held"  # waiting on purpose -> PENDING
    SETTLED = "settled"  # closed, with a result
    DEAD = "dead"  # given up, with a reason


OPEN_STATES = frozenset({State.PENDING, State.DISPATCHING, State.SUBMITTED, State.HELD})


class Result(StrEnum):
    """Why an entry is settled."""

    SUCCEEDED = "succeeded"  # its run did what it should
    FAILED = "failed"  # its run ended in failure
    CANCELLED = "cancelled"  # somebody cancelled its run
    UNKNOWN = "unknown"  # its run is gone: deleted, or older than the 60 days Databricks keeps
    SUPERSEDED = "superseded"  # an older version, learnt of after a newer one had been claimed
    TOUCHED = "touched"  # only the metadata changed: the content has been claimed already
    VANISHED = "vanished"  # the blob was gone before a run was started
    IGNORED = "ignored"  # the rule says not to run it
    GATHERED = "gathered"  # its batch's manifest lists it, and the run is the batch's


# Closed without a run because that version was not there (any more). Where it is seen again, it is opened again.
ABSENT = frozenset({Result.SUPERSEDED, Result.VANISHED})


class Verdict(StrEnum):
    """A run's many states reduced to one."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NEVER_RAN = "never-ran"  # skipped, or dropped from a queue: the file is unprocessed


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """One committed version of a blob."""

    account: str
    container: str
    path: str  # the blob's name, verbatim
    version: str | None  # the ETag without quotes; None when a rename event did not carry one
    committed_at: datetime  # the event's time, or a listing's Last-Modified (which has whole seconds only)
    source: Source
    size: int | None = None  # bytes
    md5: str | None = None  # base64, as Blob Storage reports it; large uploads have none
    content_type: str | None = None
    blob_type: str | None = None
    api: str | None = None  # the storage operation that an event names
    event_id: str | None = None
    event_type: str | None = None
    sequencer: str | None = None  # orders events of one path; see versions.judge
    unfinished: str = ""  # why its content may still change, where its blob was asked: a copy, a lease; not stored
    is_there: bool = False  # its event told no version, so its blob was asked just now and has this one; not stored

    @property
    def full_path(self) -> str:
        """Return `container/path`, what rules match against."""
        return f"{self.container}/{self.path}"


@dataclass(frozen=True, kw_only=True, slots=True)
class JobReference:
    """The job of a rule, by id or by its unique name."""

    id: int | None = None
    name: str | None = None

    def __str__(self) -> str:
        return f"id:{self.id}" if self.id is not None else f"name:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the reference that `str` was made of; raises ValueError for anything else."""
        kind, _, value = text.partition(":")
        if kind == "id":
            return cls(id=int(value))
        if kind == "name" and value:
            return cls(name=value)
        raise ValueError(f"{text!r} is no job reference")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRequest:
    """A run-now request, frozen: every repetition sends the same token and the same bytes (rule R2)."""

    job_id: int
    token: str
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A Databricks job run, as read back."""

    run_id: int
    job_id: int | None
    verdict: Verdict | None  # None while it is active, or in a state nobody knows yet
    state: str  # Databricks' own words, for people: "TERMINATED/SUCCESS"
    message: str
    started_at: datetime | None
    ended_at: datetime | None
    page_url: str
    parameters: Mapping[str, str] = field(default_factory=dict)  # what run-now was given
    task_run_ids: tuple[int, ...] = ()  # get-output wants these and not run_id; a listing leaves them out
    code: str = ""  # its termination code, "TIMEDOUT" for a time-out; "" while it is active
    latest_repair_id: int | None = None  # where its history was asked for; None: never repaired


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One row of the ledger: a rule, an arrival, and what became of the two."""

    key: str
    rule: str
    arrival: Arrival
    job: JobReference
    parameters: Mapping[str, Any]  # run-now's fields, such as notebook_params, rendered when the entry was claimed
    state: State
    claimed_at: datetime
    due_at: datetime | None = None  # when somebody must look again; a lease's end while DISPATCHING
    generation: int = 1
    request: RunRequest | None = None  # of this generation, once frozen
    first_sent_at: datetime | None = None  # when this generation's run-now was sent first
    attempts: int = 0  # answers that were no run, in this generation
    refusals: int = 0  # answers that refused the request for what it says, in this generation
    lookups: int = 0  # times that a run of unknown outcome was looked for in vain, in this generation
    run_id: int | None = None
    retries: int = 0  # times that its failed run was rerun or repaired because the rule's on_failure says so
    repair_id: int | None = None  # the run's last repair, 0 for none, when ours was decided on: it must name it
    run_url: str = ""
    run_started_at: datetime | None = None
    run_ended_at: datetime | None = None
    result: Result | None = None
    reason: str = ""  # why it is pending, held or dead, for people
    settled_at: datetime | None = None
    ambiguous_touch: bool = False  # the sweep could not tell a touch from a new version, so it runs
    gathering_since: datetime | None = None  # when it began to wait for its batch; None: it has a run of its own
    batch: str = ""  # the id of the batch that it was assigned to, "" before it is; not its run's until it is GATHERED
    nonce: str = ""  # the writer's own, to recognise its write after a lost answer (rule R1)
    etag: str = ""  # the row's ETag; "" before it is written

    @property
    def is_open(self) -> bool:
        """Tell whether somebody still has to act on the entry."""
        return self.state in OPEN_STATES

    @property
    def is_gathering(self) -> bool:
        """Tell whether the entry is a member that waits for its batch: nothing is ever sent for it."""
        return self.state is State.HELD and self.gathering_since is not None

    @property
    def is_held_back(self) -> bool:
        """Tell whether a limit or DISPATCH=off keeps it from being started: it has a place in the line."""
        return self.is_open and self.reason.startswith(HELD_BACK)

    def evolve(self, **changes: Any) -> Entry:
        """Return a copy with the changes applied."""
        return replace(self, **changes)

    def log_fields(self) -> dict[str, object]:
        """Return the fields by which log lines identify the entry."""
        return {"rule": self.rule, "path": self.arrival.full_path, "entry": self.key[:12]}


def entry_key(rule: str, arrival: Arrival) -> str:
    """Return the ledger key of a rule and an arrival: 64 hex digits, the same for an event and a sweep."""
    if arrival.version is None:
        raise ValueError(f"{arrival.full_path!r} has no version yet: look it up before claiming it")
    return _digest([rule, arrival.account, arrival.container, arrival.path, arrival.version])


def run_token(workspace: str, job_id: int, key: str, generation: int) -> str:
    """Return run-now's `idempotency_token` of one generation: 64 hex digits, the longest Databricks takes."""
    return _digest([workspace, job_id, key, generation])


def path_digest(arrival: Arrival) -> str:
    """Return the digest of the arrival's place, whatever its version: names its head row and its shard."""
    return _digest([arrival.account, arrival.container, arrival.path])


def _digest(parts: list[str | int]) -> str:
    # JSON separates the parts unambiguously, whatever characters a blob's name holds. It is json.dumps' own text, made
    # without the encoder that each such call sets up: a sweep asks this of every blob in its window.
    text = ", ".join([encode_basestring(part) if isinstance(part, str) else str(part) for part in parts])
    return hashlib.sha256(f"[{text}]".encode()).hexdigest()


def normalised_etag(text: str) -> str:
    """Return an ETag without `W/` and quotes: events, listings and properties write the same one differently."""
    return text.strip().removeprefix("W/").strip('"')
