"""What can come of a call: it works, it is refused before it does anything, or its answer is lost.

Answers are those that the real clients give. Everything but "works" is a fault, of which a history has a few.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import BlobsUnavailable, JobsBusy, JobsRefused, JobsUnknown, LedgerConflict, LedgerUnavailable
from shared.ledger.table import Delete
from shared.model import ENTRY_PARAMETER, Run, Verdict
from tests.fakes.manual_clock import START
from tests.search.asking import (
    Answer,
    GetRun,
    ListRuns,
    Read,
    ReadManifest,
    ReadRange,
    Repair,
    RunNow,
    Transact,
    WriteManifest,
    giving,
    raising,
)
from tests.search.truth import FAILED, FIRST_RUN, SKIPPED, SUCCEEDED, Truth, repair_id
from tests.search.workers import Step

VERDICTS = {SUCCEEDED: Verdict.SUCCEEDED, SKIPPED: Verdict.NEVER_RAN, FAILED: Verdict.FAILED}
NO_BLOBS = raising(lambda: BlobsUnavailable("no answer"))
UNAVAILABLE = raising(lambda: LedgerUnavailable("no answer"))
CONFLICT = raising(lambda: LedgerConflict("another writer"))
UNKNOWN = raising(lambda: JobsUnknown("no answer"))
BUSY = raising(lambda: JobsBusy("429"))
REFUSED = raising(lambda: JobsRefused("400"))


@dataclass(frozen=True)
class Outcome:
    """One way a call can go."""

    name: str
    cost: int  # in faults
    truth: Truth
    sign: Hashable
    answer: Answer


def outcomes(step: Step, truth: Truth, phase: int, at: Callable[[int], float]) -> Iterator[Outcome]:
    """Yield all that can come of a worker's question; `at` tells the seconds of a phase."""
    match step.ask:
        case Transact() as asked:
            yield from _of_transaction(asked, str(step.number), truth)
        case Read(partition, key):
            row = truth.row((partition, key))
            yield Outcome("works", 0, truth, row and row.etag, giving(row))
            yield Outcome("no answer", 1, truth, "unavailable", UNAVAILABLE)
        case ReadRange(partition, start, stop):
            places = sorted(place for place in truth.rows if place[0] == partition and start <= place[1] < stop)
            rows = [row for row in map(truth.row, places) if row is not None]
            yield Outcome("works", 0, truth, tuple((row.key, row.etag) for row in rows), giving(rows))
            yield Outcome("no answer", 1, truth, "unavailable", UNAVAILABLE)
        case RunNow() as asked:
            yield from _of_run_now(asked, truth, phase)
        case Repair() as asked:
            yield from _of_repair(asked, truth)
        case ReadManifest(path):
            content = dict(truth.manifests).get(path)
            yield Outcome("works", 0, truth, content, giving(content))
            yield Outcome("no answer", 1, truth, "unavailable", NO_BLOBS)
        case WriteManifest() as asked:
            yield from _of_manifest(asked, truth)
        case GetRun(run_id):
            found = _run(truth, run_id - FIRST_RUN, at)
            yield Outcome("works", 0, truth, truth.runs[run_id - FIRST_RUN], giving(found))
            yield Outcome("no answer", 1, truth, "unknown", UNKNOWN)
        case ListRuns():
            listed = [_run(truth, number, at) for number in reversed(range(len(truth.runs)))]
            yield Outcome("works", 0, truth, truth.runs, giving(listed))
            yield Outcome("no answer", 1, truth, "unknown", UNKNOWN)
        case _:
            raise TypeError(f"nobody answers {step.ask}")


def _of_transaction(asked: Transact, etag: str, truth: Truth) -> Iterator[Outcome]:
    written = truth.written(asked, etag)
    yield Outcome("rejected before", 1, truth, "unavailable", UNAVAILABLE)
    if written is None:
        yield Outcome("conflicts", 0, truth, "conflict", CONFLICT)
        return
    etags = {operation.key: etag for operation in asked.operations if not isinstance(operation, Delete)}
    yield Outcome("works", 0, written, "ok", giving(etags))
    yield Outcome("applied, answer lost", 1, written, "unavailable", UNAVAILABLE)
    yield Outcome("applied, and sent again by the SDK", 1, written, "conflict", CONFLICT)


def _of_manifest(asked: WriteManifest, truth: Truth) -> Iterator[Outcome]:
    written = truth.with_manifest(asked)
    is_new = written is not truth
    yield Outcome("works", 0, written, is_new, giving(is_new))
    yield Outcome("rejected before", 1, truth, "unavailable", NO_BLOBS)
    if is_new:
        yield Outcome("applied, answer lost", 1, written, "unavailable", NO_BLOBS)
        yield Outcome("applied, and sent again by the SDK", 1, written, False, giving(False))  # noqa: FBT003 - the answer


def _of_run_now(asked: RunNow, truth: Truth, phase: int) -> Iterator[Outcome]:
    started = truth.started(asked, phase)
    yield Outcome("works", 0, started, started.run_of(asked.token), giving(started.run_of(asked.token)))
    yield Outcome("started, answer lost", 1, started, "unknown", UNKNOWN)
    yield Outcome("lost before", 1, truth, "unknown", UNKNOWN)
    yield Outcome("busy", 1, truth, "busy", BUSY)
    if truth.run_of(asked.token) is None:
        yield Outcome("refused", 1, truth, "refused", REFUSED)


def _of_repair(asked: Repair, truth: Truth) -> Iterator[Outcome]:
    repaired = truth.repaired(asked)
    yield Outcome("lost before", 1, truth, "unknown", UNKNOWN)
    if repaired is None:
        yield Outcome("refused", 0, truth, "refused", REFUSED)
        return
    number = asked.run_id - FIRST_RUN
    yield Outcome("works", 0, repaired, ("ok", repaired.runs[number].repairs), giving(repair_id(repaired.runs[number])))
    yield Outcome("repaired, answer lost", 1, repaired, "unknown", UNKNOWN)


def _run(truth: Truth, number: int, at: Callable[[int], float]) -> Run:
    run = truth.runs[number]
    return Run(
        run_id=FIRST_RUN + number,
        job_id=7,
        verdict=VERDICTS.get(run.state),
        state=run.state,
        message="as told",
        started_at=_time(at(run.started)),
        ended_at=None if run.ended < 0 else _time(at(run.ended)),
        page_url="https://workspace/run",
        parameters={ENTRY_PARAMETER: _entry_of(run.body)},
        code=run.state.partition("/")[2],
        latest_repair_id=repair_id(run),
    )


def _entry_of(body: str) -> str:
    fields = json.loads(body)
    return str({**fields.get("job_parameters", {}), **fields.get("notebook_params", {})}.get(ENTRY_PARAMETER, ""))


def _time(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)
