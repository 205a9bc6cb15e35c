"""The machines: what they mix, and what a run of each must have reached, or it has shown nothing."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RULE_MARKER, get_state_machine_test

from tests.machine.base import Machine, Tally
from tests.machine.happenings import Events, Files
from tests.machine.hazards import Seam, Trouble
from tests.machine.misfortunes import Runs, Troubles
from tests.machine.people import Edits, Operators
from tests.machine.rule_edits import CRM, KEEP, WIDE

STEPS = 60


class FilesAndEvents(Files, Events):
    """All that can happen to files and to what is told of them."""

    tally = Tally()


class Databricks(Files, Events, Runs, Operators):
    """All that Databricks can do to requests and runs, and people to what came of them."""

    tally = Tally()


class EditedRules(Files, Events, Edits, Operators):
    """All that people can do to rules, two of which want the same files."""

    tally = Tally()
    first_rules = (CRM, WIDE, KEEP)


class Outages(Files, Events, Troubles):
    """All that can happen to files while processes die and stand still, and storage is away."""

    tally = Tally()


class Everything(Files, Events, Troubles, Runs, Edits, Operators):
    """All of it, with processes that die and stand still."""

    tally = Tally()


MACHINES: Mapping[str, type[Machine]] = {
    "files": FilesAndEvents,
    "databricks": Databricks,
    "rules": EditedRules,
    "troubles": Outages,
    "everything": Everything,
}
_ALWAYS = {"claimed by event", "claimed by sweep", "superseded", "succeeded", "looked up"}
_TROUBLES = {f"{trouble} {seam}" for trouble in Trouble for seam in Seam}
_FILES = {"touched", "ignored", "vanished", "ambiguous touch", "settled to held"}
_RUNS = {"dead", "failed", "cancelled", "never ran", "unknown"}
MUST_REACH: Mapping[str, frozenset[str]] = {
    "files": frozenset(
        {*_ALWAYS, "touched", "ignored", "vanished", "duplicate", "pruned", "ambiguous touch", "settled to held"}
    ),
    "databricks": frozenset({*_ALWAYS, *_RUNS, "replayed", "rerun", "claimed by backfill"}),
    "rules": frozenset({*_ALWAYS, "touched", "duplicate", "pruned", "taken", "unseen rule removed"}),
    "troubles": frozenset({*_ALWAYS, *_TROUBLES, "duplicate", "ended by Crash"}),
    "everything": frozenset({*_ALWAYS, "duplicate", "ended by Crash"}),
}


def unreached(name: str, tally: Tally) -> list[str]:
    """Return which outcomes and which steps of a machine a run must have reached and has not."""
    machine = MACHINES[name]
    steps = {f"step: {step}" for step in dir(machine) if hasattr(getattr(machine, step), RULE_MARKER)}
    return sorted((steps | MUST_REACH[name]) - tally.reached.keys())


def work_through(
    machine: type[Machine],
    histories: int,
    *,
    started_by: int | None = None,
    shrinks: bool = True,
    tally: Tally | None = None,
) -> Tally:
    """Run a machine through so many histories and return what it has been through.

    Without a seed it is always the same histories; a tally that is given goes on. Raises AssertionError for the first
    promise that is broken, with the shortest history that breaks it where it `shrinks`.
    """
    machine.tally = tally or Tally()
    profile = settings(
        max_examples=histories,
        stateful_step_count=STEPS,
        derandomize=started_by is None,
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if shrinks else [Phase.generate],
    )
    test = get_state_machine_test(machine, settings=profile)
    (test if started_by is None else seed(started_by)(test))()
    return machine.tally
