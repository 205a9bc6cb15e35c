"""Gather: members wait in the ledger until their batch may be closed; then many of them start one run.

A member is an entry like any other, claimed by event, sweep or backfill, and held. A pass looks at all that wait of
each rule that gathers; the door of events does too, so that a batch that has become full starts at once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping, Sequence

from shared import logs
from shared.clock import Deadline
from shared.drafts import draft
from shared.errors import LandfallError, LedgerConflict
from shared.gather.groups import Group, Sorted, sort_out
from shared.gather.members import CONCURRENCY
from shared.gather.sealer import Sealer, SealerTools
from shared.ledger import Claim, Marker, partitions_of
from shared.model import Entry, State
from shared.path_template import Mismatch
from shared.redaction import told
from shared.rule_book import RuleBook
from shared.rules import Gathering, Match, Rule, Rules
from shared.together import all_done

# A door looks whether a batch is full at most this often, and no longer than a small part of its time: what it does
# not see, the next pass does.
HAND_INTERVAL = 10.0  # seconds
PART_OF_THE_TIME = 0.1
LEAST_SECONDS = 3.0
_RULE_GONE = "its rule is gone, and only a rule says what to tell the job"


class Gatherer:
    """Seals the batches whose time has come, and looks after all that wait for one."""

    def __init__(self, *, tools: SealerTools, rule_book: RuleBook) -> None:
        self._tools = tools
        self._sealer = Sealer(tools)
        self._rule_book = rule_book
        self._next_hand: dict[str, float] = {}

    async def gather(self, due: Sequence[Marker], deadline: Deadline) -> Counter[str]:
        """Seal what may be sealed of every rule; return what became of members, and how many batches were `sealed`.

        `due` are the due markers of all rules: members of a rule that does not gather any more are released when they
        are due. What one rule or one batch meets is logged and does not stop the others; what there is no time for is
        left to the next pass. Raises RulesError or BlobsUnavailable while there are no rules at all.
        """
        rules = await self._rule_book.current()
        counts: Counter[str] = Counter()
        for rule in self._in_turn([rule for rule in rules if rule.gather]):
            if rule.gather and not deadline.passed():
                counts += await self._attempt(rule.name, self._gather_rule(rule, rule.gather, deadline))
        for name, markers in _of_others(rules, due).items():
            if not deadline.passed():
                counts += await self._attempt(name, self._release(name, markers, rules, deadline))
        return counts

    def _in_turn(self, rules: Sequence[Rule]) -> Sequence[Rule]:
        """Return the rules with any of them first each minute, so that no rule's many batches starve the others.

        Not one after the other: passes that are as many minutes apart as there are rules would begin with the same one.
        """
        minute = int(self._tools.clock.now().timestamp() // 60)
        first = int(hashlib.sha256(str(minute).encode()).hexdigest(), 16) % max(1, len(rules))
        return [*rules[first:], *rules[:first]]

    async def lend_a_hand(self, claims: Iterable[Claim], deadline: Deadline) -> Counter[str]:
        """Seal the batches of the rules that these claims are for, if that may be due and there is time for it.

        Never raises for the ledger or Blob Storage: what was claimed is claimed (rule R7).
        """
        counts: Counter[str] = Counter()
        names = sorted({claim.entry.rule for claim in claims if claim.entry.is_gathering})
        if not names:
            return counts
        try:
            rules = await self._rule_book.current()
        except LandfallError as error:
            logs.warning("gather.failed", rule=names[0], reason=error)
            return counts
        clock = self._tools.clock
        for name in names:
            rule, begun = rules.by_ledger_name(name), clock.monotonic()
            is_early = begun < self._next_hand.get(name, 0.0) or deadline.remaining() < LEAST_SECONDS
            if rule is None or rule.gather is None or is_early:
                continue
            counts += await self._attempt(name, self._gather_rule(rule, rule.gather, deadline))
            pause = (clock.monotonic() - begun) / PART_OF_THE_TIME
            self._next_hand[name] = clock.monotonic() + (pause if rule.gather.expect else max(pause, HAND_INTERVAL))
        return counts

    async def _gather_rule(self, rule: Rule, gathering: Gathering, deadline: Deadline) -> Counter[str]:
        waiting = await self._waiting(rule.ledger_name)
        found = sort_out(rule, gathering, waiting, self._tools.clock.now())
        counts = await self._bury_strangers(rule, found)
        for group in [*found.open, *found.closed]:
            if deadline.passed():
                logs.warning("gather.out_of_time", rule=rule.name)
                break
            counts += await self._attempt(rule.name, self._sealer.seal(rule, gathering, group, deadline))
        return counts

    async def _waiting(self, ledger_name: str) -> list[Marker]:
        async def read(partition: str) -> list[Marker]:
            return [marker async for marker in self._tools.entries.open(partition) if marker.gathering_since]

        found = await all_done((read(partition) for partition in partitions_of(ledger_name)), CONCURRENCY)
        return [marker for markers in found for marker in markers]

    async def _bury_strangers(self, rule: Rule, found: Sorted) -> Counter[str]:
        """Give up what the rule does not take any more, once it is due: until then the rule may be mended."""
        counts: Counter[str] = Counter()
        now = self._tools.clock.now()
        for marker in found.strangers:
            said = rule.match(marker.full_path)
            if marker.due_at <= now and isinstance(said, Mismatch):
                reason = f"the rule does not take its path any more: {said.reason}"
                await self._sealer.members.bury(await self._read(marker), reason, counts)
        return counts

    async def _release(
        self, ledger_name: str, markers: Sequence[Marker], rules: Rules, deadline: Deadline
    ) -> Counter[str]:
        """Let members go whose rule does not gather any more: each runs by itself, or is given up with its rule."""
        counts: Counter[str] = Counter()
        for batch in sorted({marker.batch for marker in markers if marker.batch}):
            assigned = tuple(marker for marker in markers if marker.batch == batch)
            counts += await self._sealer.give_up(ledger_name, Group(assigned=assigned, batch=batch), deadline)
        rule = rules.by_ledger_name(ledger_name)
        for marker in markers:
            if deadline.passed():
                break
            for entry in await self._read(marker):
                made = self._made_anew(entry, rule)
                if isinstance(made, str):
                    await self._sealer.members.bury([entry], made, counts)
                elif made.result is not None:
                    counts[str(made.result)] += await self._sealer.members.close(entry, made.result, made.reason)
                else:
                    counts["released"] += await self._let_go(entry, made)
        return counts

    def _made_anew(self, entry: Entry, rule: Rule | None) -> Entry | str:
        if rule is None:
            return _RULE_GONE
        captures = rule.match(entry.arrival.full_path)
        if isinstance(captures, Mismatch):
            return f"the rule does not take its path any more: {captures.reason}"
        made = draft(Match(rule, entry.arrival, captures), self._tools.locations, self._tools.clock.now())
        return made.reason if made.state is State.DEAD else made

    async def _let_go(self, entry: Entry, made: Entry) -> int:
        """Have a member start by itself, as a file that has waited: it is looked at before."""
        changes = {"job": made.job, "parameters": made.parameters, "gathering_since": None, "due_at": made.due_at}
        try:
            moved = await self._tools.entries.move(entry, **changes, reason="the rule does not gather any more")
        except LedgerConflict:
            return 0
        logs.fact("gather.released", **moved.log_fields())
        return 1

    async def _read(self, marker: Marker) -> list[Entry]:
        """Return the entry of a marker if it still waits for a batch and is in none."""
        entry = await self._tools.entries.read_at(marker.partition, marker.key)
        return [entry] if entry is not None and entry.is_gathering and not entry.batch else []

    async def _attempt(self, rule: str, work: Awaitable[Counter[str]]) -> Counter[str]:
        try:
            return await work
        except Exception as error:  # noqa: BLE001 - what one rule or batch meets must not stop the others (invariant 6)
            reason = told(error)
            logs.error("gather.failed", rule=rule, reason=reason)
            return Counter(failed=1)


def _of_others(rules: Rules, due: Iterable[Marker]) -> Mapping[str, list[Marker]]:
    """Return the due members of the rules that do not gather, by ledger name."""
    found: dict[str, list[Marker]] = {}
    for marker in due:
        name = marker.partition.rpartition("|")[0]
        rule = rules.by_ledger_name(name)
        if marker.gathering_since is not None and (rule is None or rule.gather is None):
            found.setdefault(name, []).append(marker)
    return found
