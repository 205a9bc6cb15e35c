"""Whatever people, storage, Databricks and processes do, in whatever order: what docs/semantics.md promises is so."""

from __future__ import annotations

import time

import pytest

from tests.machine.base import Tally
from tests.machine.machines import MACHINES, unreached, work_through
from tests.proof_record import record

pytestmark = pytest.mark.proof
HISTORIES, SEEDS = 10, range(1, 5)  # of each machine and seed; `python -m tests.machine --histories 5000` goes on
MORE_SEEDS = range(5, 65)  # as long as there is something that a machine must reach and has not


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_promises_are_kept_whatever_happens(name: str) -> None:
    """No history of what may happen breaks a promise, and the histories are not idle: they reach what they must."""
    started = time.monotonic()

    tally = Tally()
    for seed in SEEDS:  # the histories that one seed begins are much alike
        work_through(MACHINES[name], HISTORIES, started_by=seed, tally=tally)
    for seed in MORE_SEEDS:
        if unreached(name, tally):
            work_through(MACHINES[name], HISTORIES, started_by=seed, tally=tally)

    assert unreached(name, tally) == []
    record(
        f"machine: {name}",
        how_many=f"{tally.histories:,} histories, {tally.steps:,} steps, {tally.versions:,} versions of files",
        result=f"{tally.runs:,} runs; no promise broken",
        seed=f"from {SEEDS[0]}",
        seconds=time.monotonic() - started,
    )
    print(f"{name}: {tally.histories} histories, {tally.steps} steps, {tally.versions} versions, {tally.runs} runs")  # noqa: T201 - the closing line of a proof
