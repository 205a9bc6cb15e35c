"""An entry as a row: every field as text, those that are None or empty left out."""

from __future__ import annotations

import json

from shared.ledger.row_values import optional, read_time, sound, write_time, written
from shared.ledger.rows import ENTRY
from shared.ledger.table import Row, Values
from shared.model import Arrival, Entry, JobReference, Result, RunRequest, Source, State


def entry_values(entry: Entry) -> Values:
    """Return an entry as text; values that are None or empty are left out."""
    arrival = entry.arrival
    return written(
        rule=entry.rule,
        account=arrival.account,
        container=arrival.container,
        path=arrival.path,
        version=arrival.version,
        committed_at=write_time(arrival.committed_at),
        source=arrival.source,
        size=arrival.size,
        md5=arrival.md5,
        content_type=arrival.content_type,
        blob_type=arrival.blob_type,
        api=arrival.api,
        event_id=arrival.event_id,
        event_type=arrival.event_type,
        sequencer=arrival.sequencer,
        job=entry.job,
        parameters=json.dumps(dict(entry.parameters), ensure_ascii=False),
        state=entry.state,
        claimed_at=write_time(entry.claimed_at),
        due_at=write_time(entry.due_at),
        generation=entry.generation,
        request_job_id=entry.request.job_id if entry.request else None,
        request_token=entry.request.token if entry.request else None,
        request_body=entry.request.body if entry.request else None,
        first_sent_at=write_time(entry.first_sent_at),
        attempts=entry.attempts,
        refusals=entry.refusals,
        lookups=entry.lookups,
        run_id=entry.run_id,
        retries=entry.retries or None,
        repair_id=entry.repair_id,
        run_url=entry.run_url,
        run_started_at=write_time(entry.run_started_at),
        run_ended_at=write_time(entry.run_ended_at),
        result=entry.result,
        reason=entry.reason,
        settled_at=write_time(entry.settled_at),
        ambiguous_touch="true" if entry.ambiguous_touch else None,
        gathering_since=write_time(entry.gathering_since),
        batch=entry.batch,
        nonce=entry.nonce,
    )


@sound
def entry_from(row: Row) -> Entry:
    """Return the entry that a row holds; raises LedgerDamaged."""
    values = row.values
    return Entry(
        key=row.key.removeprefix(ENTRY),
        rule=values["rule"],
        arrival=_arrival_from(values),
        job=JobReference.parse(values["job"]),
        parameters=json.loads(values["parameters"]),
        state=State(values["state"]),
        claimed_at=read_time(values["claimed_at"]),
        due_at=optional(read_time, values.get("due_at")),
        generation=int(values["generation"]),
        request=_request_from(values),
        first_sent_at=optional(read_time, values.get("first_sent_at")),
        attempts=int(values["attempts"]),
        refusals=int(values["refusals"]),
        lookups=int(values["lookups"]),
        run_id=optional(int, values.get("run_id")),
        retries=int(values.get("retries", "0")),
        repair_id=optional(int, values.get("repair_id")),
        run_url=values.get("run_url", ""),
        run_started_at=optional(read_time, values.get("run_started_at")),
        run_ended_at=optional(read_time, values.get("run_ended_at")),
        result=optional(Result, values.get("result")),
        reason=values.get("reason", ""),
        settled_at=optional(read_time, values.get("settled_at")),
        ambiguous_touch=values.get("ambiguous_touch") == "true",
        gathering_since=optional(read_time, values.get("gathering_since")),
        batch=values.get("batch", ""),
        nonce=values["nonce"],
        etag=row.etag,
    )


def _arrival_from(values: Values) -> Arrival:
    return Arrival(
        account=values["account"],
        container=values["container"],
        path=values["path"],
        version=values["version"],
        committed_at=read_time(values["committed_at"]),
        source=Source(values["source"]),
        size=optional(int, values.get("size")),
        md5=values.get("md5"),
        content_type=values.get("content_type"),
        blob_type=values.get("blob_type"),
        api=values.get("api"),
        event_id=values.get("event_id"),
        event_type=values.get("event_type"),
        sequencer=values.get("sequencer"),
    )


def _request_from(values: Values) -> RunRequest | None:
    if "request_token" not in values:
        return None
    return RunRequest(job_id=int(values["request_job_id"]), token=values["request_token"], body=values["request_body"])
