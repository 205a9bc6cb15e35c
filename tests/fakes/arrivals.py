"""Arrivals and entries as tests want them, with what does not matter filled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from shared.model import Arrival, Entry, JobReference, RunRequest, Source, State, entry_key, run_token
from tests.fakes.manual_clock import START

ACCOUNT = "devstoreaccount1"


def arrival(path: str = "crm/a.csv", version: str = "v1", **changes: Any) -> Arrival:
    """Return an event's arrival in the container `landing`, committed at START."""
    made = Arrival(
        account=ACCOUNT,
        container="landing",
        path=path,
        version=version,
        committed_at=START,
        source=Source.EVENT,
        size=7,
    )
    return replace(made, **changes)


def entry(rule: str = "crm", of: Arrival | None = None, **changes: Any) -> Entry:
    """Return a PENDING entry of a rule, due at once, as it is before it is claimed."""
    of = of or arrival()
    made = Entry(
        key=entry_key(rule, of),
        rule=rule,
        arrival=of,
        job=JobReference(id=7),
        parameters={"file_path": of.full_path, "landfall_entry": entry_key(rule, of)},
        state=State.PENDING,
        claimed_at=START,
        due_at=START,
    )
    return replace(made, **changes)


def leased(of: Entry, until: datetime) -> Entry:
    """Return the entry as DISPATCHING, with a frozen request."""
    token = run_token("workspace", 7, of.key, of.generation)
    request = RunRequest(job_id=7, token=token, body=f'{{"job_id":7,"idempotency_token":"{token}"}}')
    return replace(of, state=State.DISPATCHING, due_at=until, request=request, first_sent_at=START)
