"""A rule, and what comes of one that an arrival is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from shared.model import Arrival, JobReference
from shared.parameters import Context, Locations
from shared.path_template import Captures, Mismatch, PathPattern
from shared.rules.conditions import NO_CONDITIONS, Conditions
from shared.rules.gathering import Gathering, sample_of
from shared.rules.limit import Limit
from shared.rules.run_parameters import RunParameters
from shared.wording import shown


class OnOverwrite(StrEnum):
    """What a new version of a path that is known does."""

    RUN = "run"  # it starts the job like any other
    IGNORE = "ignore"  # recorded, not run
    ALERT = "alert"  # recorded, not run, and a person is told


class FailureAction(StrEnum):
    """What becomes of an entry whose run failed."""

    RECORD = "record"  # it is settled as failed
    RERUN = "rerun"  # the next generation, from the beginning
    REPAIR = "repair"  # the same run again, from its failed tasks


@dataclass(frozen=True, slots=True)
class OnFailure:
    """What a rule does about failed runs that may succeed another time."""

    action: FailureAction = FailureAction.RECORD
    most: int = 0  # times


class Mode(StrEnum):
    """What becomes of a match."""

    RUN = "run"  # it starts the job
    SHADOW = "shadow"  # recorded, not run: to see what a rule would do


@dataclass(frozen=True, slots=True)
class Rule:
    """A named path pattern with conditions, the job it starts and the parameters it passes."""

    name: str
    path: PathPattern
    exclude: tuple[PathPattern, ...]
    job: JobReference
    parameters: RunParameters
    conditions: Conditions = NO_CONDITIONS
    also: bool = False  # fires whenever it matches, beside the rule that wins
    on_overwrite: OnOverwrite = OnOverwrite.RUN
    on_failure: OnFailure = OnFailure()
    gather: Gathering | None = None  # many files start one run; None: each starts its own
    limits: tuple[Limit, ...] = ()  # at most one per unit
    renamed_from: tuple[str, ...] = ()  # its former names, the latest first and the first that it ever had last
    enabled: bool = True
    mode: Mode = Mode.RUN
    volumes: Mapping[str, str] = field(default_factory=dict, hash=False)  # container -> /Volumes/catalog/schema/volume
    description: str = ""
    line: int = 0  # in the rules file

    @property
    def ledger_name(self) -> str:
        """Return the name that its entries are kept under: the first that it ever had, so that a rename moves none."""
        return self.renamed_from[-1] if self.renamed_from else self.name

    def match(self, full_path: str) -> Captures | Mismatch:
        """Return what the rule captures from `container/path`, or why the path is not for it.

        Path and excludes only: conditions, other rules and `enabled` do not matter.
        """
        captures = self.path.match(full_path)
        if self.exclude and not isinstance(captures, Mismatch):
            for template in self.exclude:
                if not isinstance(template.match(full_path), Mismatch):
                    return _excluded(template, full_path)
        return captures


def _excluded(template: PathPattern, full_path: str) -> Mismatch:
    return Mismatch(lambda: f"excluded by {shown(template.text)}", lambda: full_path.count("/") + 1)


class Match(NamedTuple):
    """An arrival paired with a rule; a tuple, because one is made for every event."""

    rule: Rule
    arrival: Arrival
    captures: Captures
    undecided: tuple[str, ...] = ()  # fields that the arrival lacks and the rule's conditions ask for

    def render(self, locations: Locations, key: str) -> dict[str, Any]:
        """Return run-now's fields for the entry `key`, such as {"notebook_params": {...}}; see `problem`.

        Of a rule that gathers, those for a batch of this file alone.
        """
        context = Context(
            rule=self.rule.name,
            key=key,
            arrival=self.arrival,
            captures=self.captures,
            locations=locations,
            volumes=self.rule.volumes,
        )
        if self.rule.gather:
            context = sample_of(context, self.rule.gather, self.rule.ledger_name)
        return self.rule.parameters.render(context)
