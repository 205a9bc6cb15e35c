"""The status of one moment: each rule, all of them together, the last pass, the rules in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from shared.ledger import Breaker, Standing
from shared.rule_book import RulesStanding
from shared.status.counts import Counts


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleStatus:
    """One rule, in force or no longer so."""

    rule: str  # its name of today
    ledger_name: str  # what its entries are kept under
    renamed_from: tuple[str, ...]
    active: bool  # whether the rules in force still name it
    enabled: bool  # whether it also takes files, so that the sweep proves it
    counts: Counts
    standing: Standing | None
    breaker: Breaker | None
    last_sweep: Mapping[str, Any] | None  # what the last pass's quick sweep counted of it
    last_deep_sweep: Mapping[str, Any] | None  # the same of its deep sweep, where it had one that found something

    @property
    def proven_up_to(self) -> datetime | None:
        """Return the time before which no file is missing; None where no sweep has seen the rule yet."""
        return self.standing.low_watermark if self.standing else None

    def as_json(self, at: datetime) -> dict[str, Any]:
        """Return the status as JSON can hold it."""
        return {
            "rule": self.rule,
            "ledger_name": self.ledger_name,
            "renamed_from": list(self.renamed_from),
            "active": self.active,
            "enabled": self.enabled,
            **self.counts.as_json(),
            "baseline": _text(self.standing.baseline) if self.standing else None,
            **_proof(self.proven_up_to, at),
            "breaker": {"reason": self.breaker.reason, "until": _text(self.breaker.until)} if self.breaker else None,
            "last_sweep": self.last_sweep,
            "last_deep_sweep": self.last_deep_sweep,
        }


@dataclass(frozen=True, kw_only=True)
class Status:
    """The whole service at one moment."""

    at: datetime
    since: datetime
    rules: tuple[RuleStatus, ...]
    last_pass: Mapping[str, Any] | None
    rules_standing: RulesStanding

    @cached_property
    def totals(self) -> Counts:
        """Return the counts of all rules together, also of those that are no longer in force."""
        totals = Counts(self.at, self.since)
        for rule in self.rules:
            totals.absorb(rule.counts)
        return totals

    @property
    def proven_up_to(self) -> datetime | None:
        """Return the time before which no file of any enabled rule is missing; None while one has no proof at all."""
        proofs = [rule.proven_up_to for rule in self.rules if rule.enabled]
        known = [proof for proof in proofs if proof is not None]
        return min(known) if known and len(known) == len(proofs) else None

    @property
    def last_pass_at(self) -> datetime | None:
        """Return when the last pass started: the heartbeat of the timer."""
        started_at = (self.last_pass or {}).get("started_at")  # a summary that grew too long is kept without
        return datetime.fromisoformat(started_at) if started_at else None

    def as_json(self) -> dict[str, Any]:
        """Return the status as JSON can hold it; docs/operations.md lists every key."""
        return {
            "at": _text(self.at),
            "since": _text(self.since),
            "totals": {**self.totals.as_json(), **_proof(self.proven_up_to, self.at)},
            "rules": [rule.as_json(self.at) for rule in self.rules],
            "rules_source": self.rules_standing.as_json(),
            "last_pass": self.last_pass,
            "last_pass_age_seconds": _age(self.last_pass_at, self.at),
        }


def _proof(proven_up_to: datetime | None, at: datetime) -> dict[str, Any]:
    return {"proven_up_to": _text(proven_up_to), "proof_lag_seconds": _age(proven_up_to, at)}


def _age(moment: datetime | None, at: datetime) -> float | None:
    return None if moment is None else round((at - moment).total_seconds(), 3)


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="milliseconds")
