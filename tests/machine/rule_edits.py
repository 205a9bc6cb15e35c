"""Rules that machines edit, with the oracle's own idea of which files they are for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

# A template, and by hand what it means.
PATTERNS = {
    "crm": ("landing/crm/{name}.csv", re.compile(r"landing/crm/[^/]+\.csv")),
    "keep": ("landing/keep/{name}.csv", re.compile(r"landing/keep/[^/]+\.csv")),
    "slow": ("landing/slow/{name}.csv", re.compile(r"landing/slow/[^/]+\.csv")),
    "wide": ("landing/{folder}/{name}.csv", re.compile(r"landing/[^/]+/[^/]+\.csv")),
    "deep": ("landing/crm/{rest:**}", re.compile(r"landing/crm/.+", re.DOTALL)),
}
JOBS = ("{name: ETL}", "{id: 8}", "{id: 9}")
JOB_IDS = (7, 8, 9)


@dataclass(frozen=True, slots=True)
class MachineRule:
    """A rule as the file says it."""

    name: str
    pattern: str
    job: int = 0  # of JOBS
    overwrites_run: bool = True
    reruns: int = 0
    min_age: str = ""
    also: bool = False
    enabled: bool = True
    edition: int = 1  # of its parameters
    former_names: tuple[str, ...] = ()

    @property
    def ledger_name(self) -> str:
        """Return the name that entries are kept under: the first that it had."""
        return self.former_names[-1] if self.former_names else self.name

    def takes(self, place: str) -> bool:
        """Tell whether the rule is for a place."""
        return PATTERNS[self.pattern][1].fullmatch(place) is not None

    def text(self) -> str:
        """Return the rule as YAML."""
        lines = [
            f"name: {self.name}",
            f'path: "{PATTERNS[self.pattern][0]}"',
            f"job: {JOBS[self.job]}",
            f'notebook_params: {{edition: "{self.edition}"}}',
            "" if self.overwrites_run else "on_overwrite: ignore",
            f"on_failure: {{rerun: {self.reruns}}}" if self.reruns else "",
            f"min_age: {self.min_age}" if self.min_age else "",
            "also: true" if self.also else "",
            "" if self.enabled else "enabled: false",
            f"renamed_from: [{', '.join(self.former_names)}]" if self.former_names else "",
        ]
        return "  - " + "\n    ".join(line for line in lines if line)


CRM = MachineRule("crm", "crm", reruns=2)
KEEP = MachineRule("keep", "keep", job=1, overwrites_run=False, reruns=1)
SLOW = MachineRule("slow", "slow", job=1, reruns=1, min_age="10m")
WIDE = MachineRule("wide", "wide", job=2)
AUDIT = MachineRule("audit", "crm", job=1, also=True)
DEEP = MachineRule("deep", "deep", job=0)
SPARE = (WIDE, AUDIT, DEEP)
FIRST = (CRM, KEEP, SLOW)


@dataclass(slots=True)
class Edition:
    """The rules between two deployments."""

    rules: tuple[MachineRule, ...]

    def winners(self, place: str) -> list[MachineRule]:
        """Return the rules that take what lands at a place: those with `also`, and the first of the others."""
        found: list[MachineRule] = []
        for rule in self.rules:
            if rule.enabled and rule.takes(place) and (rule.also or all(other.also for other in found)):
                found.append(rule)
        return found


@dataclass(slots=True)
class RuleHistory:
    """Every version of the rules that was in force."""

    editions: list[Edition] = field(default_factory=list)

    @property
    def now(self) -> Edition:
        """Return the rules in force."""
        return self.editions[-1]

    def put_in_force(self, rules: tuple[MachineRule, ...]) -> str:
        """Remember rules and return their text."""
        self.editions.append(Edition(rules))
        return "version: 1\nrules:\n" + "\n".join(rule.text() for rule in rules) + "\n"

    def taking_names(self) -> set[str]:
        """Return the ledger names of all rules that ever took files away from others: those without `also`."""
        return {rule.ledger_name for edition in self.editions for rule in edition.rules if not rule.also}

    def ever(self, ledger_name: str) -> list[MachineRule]:
        """Return every version of one rule that was ever in force."""
        return [rule for edition in self.editions for rule in edition.rules if rule.ledger_name == ledger_name]


def changed(rules: tuple[MachineRule, ...], number: int, **changes: object) -> tuple[MachineRule, ...]:
    """Return the rules with one of them changed."""
    at = number % len(rules)
    return (*rules[:at], replace(rules[at], **changes), *rules[at + 1 :])  # type: ignore[arg-type]  # mixed values
