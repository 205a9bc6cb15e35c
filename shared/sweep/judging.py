"""Compare one page of a listing with the ledger: which of its blobs are known, which may have been missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from shared.landing import Page
from shared.model import Arrival, entry_key
from shared.rules import Rule
from shared.sweep.key_set import KeySet
from shared.sweep.view import View


@dataclass(slots=True)
class Findings:
    """What was found so far, by the rules' ledger names."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    left: dict[str, datetime] = field(default_factory=dict)  # the oldest that was left for later

    def count(self, rule: str, what: str) -> None:
        """Count one blob of a rule."""
        counts = self.counts.get(rule)
        if counts is None:
            counts = self.counts[rule] = Counter()
        counts[what] += 1

    def leave(self, rule: str, what: str, committed_at: datetime) -> None:
        """Count one blob of a rule that a later round must see again: nothing newer is proven before."""
        self.count(rule, what)
        self.left[rule] = min(committed_at, self.left.get(rule, committed_at))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A blob that a rule wants and the ledger does not know."""

    rule: Rule
    arrival: Arrival


async def judge(view: View, page: Page, until: datetime, findings: Findings) -> AsyncIterator[Candidate]:
    """Yield the candidates of a page and count the others; `until` is the youngest time that counts as missed.

    Raises LedgerUnavailable. What is asked of each blob is ordered by cost: most are too old to be asked anything else.
    """
    earliest, match, since = view.earliest, view.rules.match, view.since
    keys: dict[str, KeySet] = {}  # as they are during this page
    for arrival in page.arrivals:
        committed_at = arrival.committed_at
        if committed_at < earliest:
            continue
        for found in match(arrival):
            rule = found.rule
            name = rule.ledger_name
            if name not in since or committed_at < since[name]:
                continue
            if name not in keys:
                keys[name] = await view.known.of(name)
            if entry_key(name, arrival) in keys[name]:
                findings.count(name, "known")
            elif committed_at > until:
                findings.leave(name, "early", committed_at)  # its event may still be on its way
            else:
                yield Candidate(rule, arrival)


async def taken_by(view: View, candidate: Candidate) -> str:
    """Return the ledger name of another rule that has had this very arrival, "" when none has.

    The rules in force when a file landed decided about it: putting them in another order, or taking one away, starts
    nothing again. Rules with `also` fire beside all others and are never in anybody's place.
    """
    if candidate.rule.also:
        return ""
    ours, rules = candidate.rule.ledger_name, view.rules
    contenders = [rule.ledger_name for rule in rules.contenders(candidate.arrival) if not rule.also]
    for name in (*contenders, *view.removed):
        # A contender that is neither swept nor a former rule was disabled from the first: it has no entries.
        may_have_it = name != ours and (name in view.since or name in view.former)
        if may_have_it and entry_key(name, candidate.arrival) in await view.known.of(name):
            return name
    return ""
