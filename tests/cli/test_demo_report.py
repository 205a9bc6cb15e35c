"""The demo's verdict: it passes only when all is as it must be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cli.demo.plan import DATA, PLAN, fault_plan, is_overwrite, without_last_line
from cli.demo.play import Dropped, Outcome
from cli.demo.report import report_of
from localdev.event_grid.fault_plan_file import read_fault_plan
from shared.model import Result, Source, State
from shared.wiring import APP_ROOT, load_rules
from tests.fakes.arrivals import arrival, entry
from tests.fakes.manual_clock import START


def perfect() -> Outcome:
    """Return what a demo leaves behind in which everything went as planned."""
    dropped = []
    entries = {}
    for number, planned in enumerate(PLAN):
        container, _, path = planned.target.partition("/")
        one = Dropped(planned=planned, arrival=arrival(path, f"v{number}", container=container), at=START)
        dropped.append(one)
        if one.key:
            entries[one.key] = replace(
                entry(planned.rule or "", replace(one.arrival, source=planned.found_by or Source.EVENT)),
                state=State.SETTLED,
                result=planned.result,
                run_id=number,
                run_started_at=START + timedelta(seconds=1),
                settled_at=START + timedelta(seconds=2),
            )
    return Outcome(
        dropped=dropped, entries=entries, runs=dict.fromkeys(entries, 1), duplicates=2, missed=2, missed_rate=2 / 14
    )


def test_perfect_demo_has_no_faults() -> None:
    """What is planned, happens: the report is clean and its totals add up."""
    report = report_of(perfect())

    assert report.faults == ()
    assert report.totals == {
        "dropped": 15,
        "runs": 14,
        "duplicates suppressed": 2,
        "missed and recovered": 2,
        "lost": 0,
        "run twice": 0,
    }
    assert report.missed_rate == 2 / 14
    assert report.rows[0].seconds_to_result == 2.0


@pytest.mark.parametrize("field", ["lost", "run twice"])
def test_lost_or_doubled_run_is_a_fault(field: str) -> None:
    """One file that did not run, or ran twice, fails the demo: Databricks' own list of runs decides."""
    outcome = perfect()
    key = next(iter(outcome.entries))
    report = report_of(replace(outcome, runs={**outcome.runs, key: 0 if field == "lost" else 2}))

    assert report.totals[field] == 1
    assert f"1 {field}" in report.faults


def test_version_that_waited_until_it_was_replaced_is_not_lost() -> None:
    """While Databricks is away a file may be overwritten: what is there runs, once."""
    outcome = perfect()
    (overwrite,) = [one for number, one in enumerate(outcome.dropped) if is_overwrite(number)]
    first = next(one for one in outcome.dropped if one.arrival.full_path == overwrite.arrival.full_path)
    key = first.key or ""
    gave_way = replace(outcome.entries[key], result=Result.SUPERSEDED, run_id=None)
    entries = {**outcome.entries, key: gave_way}
    calm = report_of(replace(outcome, entries=entries, runs={**outcome.runs, key: 0}))
    neither = report_of(replace(outcome, entries=entries, runs={**outcome.runs, key: 0, overwrite.key or "": 0}))

    assert (calm.faults, calm.totals["lost"], calm.totals["runs"]) == ((), 0, 13)
    assert neither.totals["lost"] == 2


def test_unexpected_result_is_a_fault() -> None:
    """A job that should have failed and did not fails the demo, and the other way round."""
    outcome = perfect()
    key, failed = next((key, one) for key, one in outcome.entries.items() if one.result is Result.FAILED)
    report = report_of(replace(outcome, entries={**outcome.entries, key: replace(failed, result=Result.SUCCEEDED)}))

    assert report.faults == (f"{failed.arrival.full_path} ended succeeded, not failed",)


@pytest.mark.parametrize(("duplicates", "missed"), [(1, 2), (2, 1)])
def test_faults_that_did_not_happen_are_faults(duplicates: int, missed: int) -> None:
    """A demo in which no event was repeated or lost has shown nothing."""
    report = report_of(replace(perfect(), duplicates=duplicates, missed=missed))

    assert len(report.faults) == 1


def test_missing_entry_is_a_fault() -> None:
    """A file without an entry is named."""
    outcome = perfect()
    entries = dict(outcome.entries)
    gone = entries.pop(next(iter(entries)))

    assert f"{gone.arrival.full_path} has no entry" in report_of(replace(outcome, entries=entries)).faults


def test_plan_fits_the_sample_rules() -> None:
    """Every file of the plan is for the rule that the plan names, and at least a dozen real files are dropped."""
    rules = load_rules(APP_ROOT / "samples" / "rules.yaml")
    for planned in PLAN:
        container, _, path = planned.target.partition("/")
        matches = [match.rule.name for match in rules.match(arrival(path, container=container))]
        assert matches == ([planned.rule] if planned.rule else [])

    assert len({planned.file for planned in PLAN}) >= 12
    assert [index for index in range(len(PLAN)) if is_overwrite(index)] == [len(PLAN) - 1]


def test_plan_is_one_that_the_simulator_understands() -> None:
    """The faults of the plan are spelt as the event simulator reads them."""
    import json  # noqa: PLC0415 - only this test needs it

    plan = read_fault_plan("plan", json.dumps(fault_plan()))

    assert len(plan.pending) == 3


@pytest.mark.skipif(not DATA.is_dir(), reason="npm has not installed the data set yet")
def test_first_version_is_another_content() -> None:
    """The overwritten file differs from its first version."""
    versions = [planned.read() for planned in PLAN if planned.target == PLAN[-1].target]

    assert versions[0] == without_last_line(versions[1]) != versions[1]
