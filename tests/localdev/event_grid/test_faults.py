"""Faults strike as planned, and at random in a way that can be repeated."""

from __future__ import annotations

import json

import pytest

from localdev.event_grid.blob_changes import Api
from localdev.event_grid.event_bodies import Event
from localdev.event_grid.fault_plan_file import read_fault_plan
from localdev.event_grid.faults import (
    Delay,
    Drop,
    Fate,
    FaultPlan,
    FaultRates,
    Faults,
    Malform,
    Malformation,
    Reorder,
    Repeat,
)
from shared.errors import ConfigurationError
from tests.localdev.event_grid.samples import event

EVENTS = [event(f"{number}.csv") for number in range(400)]
ONCE = Fate(delays=(0.0,), planned=False)


def fates(rates: FaultRates, seed: int = 1, events: list[Event] = EVENTS) -> list[Fate]:
    """Return the fates of events in order."""
    faults = Faults(rates, FaultPlan(), seed)
    return [faults.fate_of(event) for event in events]


def fate(*planned: Drop | Repeat | Delay | Reorder | Malform) -> Fate:
    """Return the fate of a blob's event under a plan."""
    return Faults(FaultRates(), FaultPlan({"landing/0.csv": planned}), 1).fate_of(EVENTS[0])


def test_without_rates_everything_is_delivered_once() -> None:
    """Nothing goes wrong that was not asked for."""
    assert set(fates(FaultRates())) == {ONCE}


def test_same_seed_makes_the_same_faults() -> None:
    """A run can be repeated by its seed, and another seed is another run."""
    rates = FaultRates(duplicate=0.3, drop=0.2, reorder=0.3, delay=(0, 5))

    assert fates(rates, seed=7) == fates(rates, seed=7)
    assert fates(rates, seed=7) != fates(rates, seed=8)


def test_shares_are_kept() -> None:
    """About the share of events that was asked for is struck."""
    found = fates(FaultRates(duplicate=0.25, drop=0.1, reorder=0.5))

    assert 20 <= sum(not fate.delays for fate in found) <= 60
    assert 60 <= sum(len(fate.delays) == 2 for fate in found) <= 120
    assert 140 <= sum(fate.reorder for fate in found) <= 220


def test_delays_stay_in_their_range() -> None:
    """Each delivery draws its own delay; copies of one event travel apart."""
    found = fates(FaultRates(duplicate=1, delay=(2, 5)))

    assert all(2 <= delay <= 5 for fate in found for delay in fate.delays)
    assert all(len(set(fate.delays)) == 2 for fate in found)


def test_one_rate_does_not_move_the_others_victims() -> None:
    """More duplicates leave the dropped events the same."""
    few, many = fates(FaultRates(drop=0.1)), fates(FaultRates(drop=0.1, duplicate=0.9, delay=(1, 2)))

    assert [not fate.delays for fate in few] == [not fate.delays for fate in many]


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        pytest.param([Drop()], Fate(delays=(), planned=True), id="drop"),
        pytest.param([Drop(), Repeat(3)], Fate(delays=(), planned=True), id="drop wins"),
        pytest.param([Repeat(3)], Fate(delays=(0.0, 0.0, 0.0), planned=True), id="repeat"),
        pytest.param([Delay(5), Repeat(2)], Fate(delays=(5.0, 5.0), planned=True), id="late and twice"),
        pytest.param([Reorder()], Fate(delays=(0.0,), planned=True, reorder=True), id="reorder"),
        pytest.param(
            [Malform(Malformation.TRUNCATED)],
            Fate(delays=(0.0,), planned=True, malformation=Malformation.TRUNCATED),
            id="malform",
        ),
    ],
)
def test_planned_faults_work_together(planned: list[Drop | Repeat | Delay | Reorder | Malform], expected: Fate) -> None:
    """What is planned for a blob makes up the fate of its next event."""
    assert fate(*planned) == expected


def test_plan_strikes_once() -> None:
    """The event after the planned one is delivered as usual, unless it is planned again."""
    plan = FaultPlan({"landing/0.csv": [Drop()]})
    faults = Faults(FaultRates(), plan, 1)

    first, second = faults.fate_of(EVENTS[0]), faults.fate_of(EVENTS[0])
    plan.add("landing/0.csv", Repeat(2))
    third = faults.fate_of(EVENTS[0])

    assert (len(first.delays), len(second.delays), len(third.delays)) == (0, 1, 2)
    assert plan.pending == {}


def test_plan_waits_for_content() -> None:
    """A deletion does not use up what is planned for a blob."""
    plan = FaultPlan({"landing/0.csv": [Drop()]})

    fate = Faults(FaultRates(), plan, 1).fate_of(event("0.csv", Api.DELETE_BLOB))

    assert fate == ONCE
    assert plan.pending == {"landing/0.csv": (Drop(),)}


def test_plan_overrules_chance() -> None:
    """A planned blob is safe from random faults."""
    faults = Faults(FaultRates(drop=1), FaultPlan({"landing/0.csv": [Repeat(2)]}), 1)

    assert [len(faults.fate_of(event).delays) for event in EVENTS[:2]] == [2, 0]


def test_plan_file_names_faults_by_blob() -> None:
    """Every fault can be written down."""
    text = json.dumps(
        {
            "landing/a.csv": ["drop"],
            "landing/b c/d.csv": [{"repeat": 3}, {"delay": 0.5}, "reorder"],
            "landing/e.csv": [{"malform": "missing-data"}],
        }
    )

    assert read_fault_plan("plan.json", text).pending == {
        "landing/a.csv": (Drop(),),
        "landing/b c/d.csv": (Repeat(3), Delay(0.5), Reorder()),
        "landing/e.csv": (Malform(Malformation.MISSING_DATA),),
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"a.csv": ["drop"]}', "'a.csv' is no container/path"),
        ('{"l/a": "drop"}', "not a list"),
        ('{"l/a": []}', "an empty one"),
        ('{"l/a": ["lose"]}', '"lose" is no fault'),
        ('{"l/a": [{"repeat": 0}]}', '{"repeat": 0} is no fault'),
        ('{"l/a": [{"repeat": true}]}', "is no fault"),
        ('{"l/a": [{"repeat": "3"}]}', "is no fault"),
        ('{"l/a": [{"repeat": 101}]}', "is no fault"),
        ('{"l/a": [{"delay": -1}]}', "is no fault"),
        ('{"l/a": [{"delay": NaN}]}', "is no fault"),
        ('{"l/a": [{"malform": "badly"}]}', "is no fault"),
        ('{"l/a": [{"malform": ["truncated"]}]}', "is no fault"),
        ('{"l/a": [{"repeat": 2, "delay": 1}]}', "is no fault"),
        ('{"l/a": [3]}', "3 is no fault"),
    ],
)
def test_wrong_plan_is_refused(text: str, words: str) -> None:
    """A plan that cannot be followed is an error that says what is wrong and how it should be."""
    with pytest.raises(ConfigurationError) as caught:
        read_fault_plan("plan.json", text)

    assert str(caught.value).startswith("plan.json:")
    assert words in str(caught.value)
    assert '{"delay": 5}' in caught.value.hint


def test_all_mistakes_of_a_plan_are_reported_together() -> None:
    """One run of the simulator finds everything that is wrong in a plan."""
    with pytest.raises(ConfigurationError) as caught:
        read_fault_plan("plan.json", '{"a": ["drop"], "l/b": ["lose", {"repeat": 0}]}')

    assert len(caught.value.faults) == 3
