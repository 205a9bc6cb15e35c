"""The plan draws faults from its seed and counts what was made."""

from __future__ import annotations

import pytest

from tests.proxies.faults import Fault, Kind
from tests.proxies.operations import blob_operation, jobs_operation, queue_operation, table_operation
from tests.proxies.plan import FaultPlan

LATE, RESET = Fault(Kind.LATENCY, seconds=1), Fault(Kind.RESET_AFTER)


def _drawn(seed: int, count: int = 2_000) -> list[Fault | None]:
    plan = FaultPlan(seed)
    plan.mix("read", 0.1, [LATE, RESET])
    return [plan.take("read") for _ in range(count)]


def test_same_seed_draws_the_same_faults() -> None:
    """A seed repeats its faults; another one draws others."""
    assert _drawn(1) == _drawn(1) != _drawn(2)


def test_share_of_requests_meets_faults() -> None:
    """About the share asked for meets a fault, of every kind in the mix."""
    drawn = [fault for fault in _drawn(3) if fault]

    assert 140 <= len(drawn) <= 260
    assert set(drawn) == {LATE, RESET}


def test_no_fault_is_repeated_before_all_were_made() -> None:
    """Few faults are enough for each kind to happen."""
    faults = [Fault(kind) for kind in Kind]
    plan = FaultPlan(4)
    plan.mix("read", 1.0, faults)

    rounds = [{plan.take("read") for _ in faults} for _ in range(3)]

    assert rounds == [set(faults)] * 3


def test_said_faults_come_first_and_in_order() -> None:
    """What is said for an operation meets its next requests, and no other operation's."""
    plan = FaultPlan()
    plan.say("read", LATE, RESET)

    assert plan.take("write") is None
    assert [plan.take("read") for _ in range(3)] == [LATE, RESET, None]


def test_resting_plan_lets_all_pass() -> None:
    """While a plan rests nothing is drawn, and requests are counted all the same."""
    plan = FaultPlan()
    plan.mix("read", 1.0, [LATE])
    plan.resting = True

    assert plan.take("read") is None
    assert plan.requests == {"read": 1}


@pytest.mark.parametrize(
    ("namer", "method", "target", "name"),
    [
        (table_operation, "POST", "/devstoreaccount1/%24batch", "transact"),
        (table_operation, "GET", "/devstoreaccount1/t(PartitionKey='a',RowKey='b')", "read"),
        (table_operation, "GET", "/devstoreaccount1/t()?$filter=PartitionKey%20eq%20'a'", "range"),
        (table_operation, "POST", "/devstoreaccount1/Tables", "create table"),
        (blob_operation, "GET", "/devstoreaccount1/landing?restype=container&comp=list&prefix=a", "list"),
        (blob_operation, "GET", "/devstoreaccount1/?comp=list", "containers"),
        (blob_operation, "GET", "/devstoreaccount1/?restype=service&comp=properties", "time"),
        (blob_operation, "HEAD", "/devstoreaccount1/landing/a.csv", "properties"),
        (queue_operation, "POST", "/devstoreaccount1/q/messages?messagettl=86400", "send"),
        (queue_operation, "GET", "/devstoreaccount1/q/messages?numofmessages=16", "receive"),
        (queue_operation, "DELETE", "/devstoreaccount1/q/messages/1?popreceipt=x", "delete"),
        (queue_operation, "PUT", "/devstoreaccount1/q", "create queue"),
        (jobs_operation, "POST", "/api/2.2/jobs/run-now", "jobs/run-now"),
        (jobs_operation, "GET", "/api/2.1/jobs/runs/get?run_id=1", "jobs/runs/get"),
    ],
)
def test_requests_are_named_by_call_site(namer: object, method: str, target: str, name: str) -> None:
    """A request is known by what it asks for, whatever it names."""
    assert callable(namer)

    assert namer(method, target) == name
