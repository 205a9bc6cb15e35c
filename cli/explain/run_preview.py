"""The run-now request that a match would become, byte for byte, or with its gaps named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from shared.compact_json import compact
from shared.jobs import frozen_body
from shared.model import entry_key, run_token
from shared.parameters import Locations
from shared.rules import Match, problem

FIRST_GENERATION = 1
_OF_THE_EVENT = "<from the event>"
# What a preview without an event cannot know and takes as if the file had landed now.
_TIMES = frozenset({"blob.last_modified", "event.time"})


@dataclass(frozen=True, slots=True)
class Preview:
    """What run-now would be sent for a match."""

    body: str  # a place that is not known holds what it needs, such as `<needs --etag>`
    needs: tuple[str, ...]  # options and settings that would fill the gaps
    fault: str  # why Databricks would not take it, so that nothing is sent; "" when it would
    is_of_now: bool  # a parameter tells a time, which is that of the preview


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What a request holds beside the arrival; all of it may be unknown."""

    locations: Locations | None = None
    workspace: str = ""
    job_ids: Mapping[str, int] = field(default_factory=dict)  # of jobs that were looked up, by name


class _NeededSize(int):
    """A size that is not known, where a parameter tells one."""

    def __str__(self) -> str:
        return _needs("--size")


def preview_of(match: Match, surroundings: Surroundings) -> Preview:
    """Return the request of a match; asks nobody. Of an arrival without a version there is no token."""
    arrival, job = match.arrival, match.rule.job
    job_id = job.id if job.id is not None else surroundings.job_ids.get(job.name or "")
    for_key = [option for option, known in (("--etag", arrival.version), ("--account", arrival.account)) if not known]
    for_token = for_key + ["--resolve"] * (job_id is None) + ["DATABRICKS_HOST"] * (not surroundings.workspace)
    key = _needs(*for_key) if for_key else entry_key(match.rule.ledger_name, arrival)
    shown = _with_gaps_named(match)
    fields = shown.render(surroundings.locations or Locations.in_azure(shown.arrival.account), key)
    if for_token or job_id is None:
        token = _needs(*for_token)
    else:
        token = run_token(surroundings.workspace, job_id, key, FIRST_GENERATION)
    body = frozen_body(job_id or 0, token, fields)
    if job_id is None:
        body = compact({**json.loads(body), "job_id": _needs("--resolve")})
    names = frozenset().union(*(template.names for _, template in match.rule.parameters.templates()))
    return Preview(
        body=body,
        needs=tuple(dict.fromkeys([*for_token, *_needed_by(match, names)])),
        fault=problem(fields),
        is_of_now=bool(names & _TIMES),
    )


def _with_gaps_named(match: Match) -> Match:
    arrival = match.arrival
    return match._replace(
        arrival=replace(
            arrival,
            account=arrival.account or _needs("--account"),
            version=arrival.version or _needs("--etag"),
            size=_NeededSize() if arrival.size is None else arrival.size,
            content_type=arrival.content_type or _needs("--content-type"),
            event_id=arrival.event_id or _OF_THE_EVENT,
        ),
    )


def _needed_by(match: Match, names: frozenset[str]) -> Iterator[str]:
    arrival = match.arrival
    if "blob.size" in names and arrival.size is None:
        yield "--size"
    if "blob.content_type" in names and arrival.content_type is None:
        yield "--content-type"


def _needs(*options: str) -> str:
    return f"<needs {', '.join(options)}>"
