"""What must be true after every step, and what must have come of every file in the end (docs/semantics.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.machine.evidence import Evidence
from tests.machine.ledger_rows import (
    ABSENT,
    OPEN,
    WORKSPACE,
    Values,
    all_entries,
    baselines,
    digest,
    entry_at,
    key_of,
    place_of,
    watermarks,
)
from tests.machine.rule_edits import JOB_IDS, MachineRule
from tests.machine.shore import Version

LOOK_BACK = timedelta(hours=6)
RAN = frozenset({"succeeded", "failed", "cancelled", "unknown", "dead"})  # or a person knows why it did not
MOST_GENERATIONS = 40


class Promises:
    """The oracle of whole histories."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def broken(self) -> list[str]:
        """Return what is not so and must be after every step."""
        return [*self._evidence.faults, *self._doubles(), *self._unproven()]

    def broken_at_the_end(self, began_at: datetime) -> list[str]:
        """Return what has not come of files although every fault was over; `began_at` is since when."""
        return [*self.broken(), *self._still_open(), *self._lost(began_at)]

    def counts(self) -> Counter[str]:
        """Return how the entries ended, as a status must say."""
        entries = all_entries(self._evidence.table).values()
        return Counter(values.get("result", values["state"]) for values in entries)

    def _doubles(self) -> Iterator[str]:
        """At most one effective run for an entry and a generation."""
        for key, tokens in self._evidence.workspace.tokens_of.items():
            if len(tokens) < 2 or key in self._evidence.removed:
                continue
            generations = {
                digest(WORKSPACE, job, key, number): number for job in JOB_IDS for number in range(1, MOST_GENERATIONS)
            }
            runs = Counter(
                generations.get(token, 0)
                for token in tokens
                if self._evidence.workspace.is_effective(self._evidence.workspace.run_of[token])
            )
            yield from (
                f"{key[:8]}: {count} effective runs of generation {number}"
                for number, count in runs.items()
                if count > 1
            )

    def _unproven(self) -> Iterator[str]:
        """No rule is said to be complete up to a time before which a file is missing."""
        proven, seen = watermarks(self._evidence.table), baselines(self._evidence.table)
        for version in self._evidence.shore.all_versions():
            if not version.never_left or version.is_copying:
                continue
            for rule in self._steady_winners(version):
                name = rule.ledger_name
                if name not in proven or not seen[name] <= version.written_at < proven[name]:
                    continue
                known = entry_at(self._evidence.table, name, version.place, version.etag)
                if known is None and key_of(name, version.place, version.etag) not in self._evidence.removed:
                    yield f"{name} is proven up to {proven[name]}, and {version.place} {version.etag} has no entry"

    def _steady_winners(self, version: Version) -> list[MachineRule]:
        """Return the rules that have taken a version's place ever since it was written."""
        editions = self._evidence.rules.editions[version.edition :]
        winners = [{rule.ledger_name for rule in edition.winners(version.place)} for edition in editions]
        return [
            rule
            for rule in self._evidence.rules.now.winners(version.place)
            if all(rule.ledger_name in names for names in winners)
        ]

    def _still_open(self) -> Iterator[str]:
        for key, values in all_entries(self._evidence.table).items():
            if values["state"] in OPEN:
                reason = values.get("reason", "")
                yield f"{key[:8]}: {values['state']} for ever, due {values.get('due_at')}: {reason}"

    def _lost(self, began_at: datetime) -> Iterator[str]:
        for version in self._evidence.shore.all_versions():
            if version.is_copying:
                continue
            for rule in self._evidence.rules.now.winners(version.place):
                if self._is_covered(version, rule, began_at) and (fault := self._unserved(version, rule)):
                    yield f"{rule.ledger_name} and {version.place} {version.etag} ({version.made_by}): {fault}"

    def _is_covered(self, version: Version, rule: MachineRule, began_at: datetime) -> bool:
        """Tell whether a version that is there must have been served: by a sweep at the latest."""
        seen = baselines(self._evidence.table).get(rule.ledger_name)
        if not version.is_there or seen is None or version.written_at < seen:
            return False
        if began_at - version.written_at < LOOK_BACK - timedelta(minutes=30):
            return True
        return version.never_left and rule in self._steady_winners(version) and not self._was_pruned(version)

    def _was_pruned(self, version: Version) -> bool:
        names = {rule.ledger_name for edition in self._evidence.rules.editions for rule in edition.rules}
        return any(key_of(name, version.place, version.etag) in self._evidence.removed for name in names)

    def _unserved(self, version: Version, rule: MachineRule) -> str:
        """Return why a version that is there has not had what it was promised, "" if it has."""
        names = [rule.ledger_name] if rule.also else sorted(self._evidence.rules.taking_names())
        found = [(name, entry_at(self._evidence.table, name, version.place, version.etag)) for name in names]
        entries = [(name, values) for name, values in found if values is not None]
        if not entries:
            return "it has no entry" if not self._was_pruned(version) else ""
        faults = [self._fault_of(name, values, version) for name, values in entries]
        return "" if "" in faults else "; ".join(faults)

    def _fault_of(self, name: str, values: Values, version: Version) -> str:
        result = values.get("result", values["state"])
        if result in RAN or result in OPEN:
            return ""
        if result in ABSENT:
            return f"it is {result}, and it is there"
        # A touch is told by the last version that any rule has had, an overwrite by those of its own.
        names = self._evidence.rules.taking_names() | {name} if result == "touched" else {name}
        others = [
            (entry_at(self._evidence.table, each, version.place, other.etag), other.content == version.content)
            for other in self._evidence.shore.history[version.place]
            for each in names
            if other.etag != version.etag
        ]
        ends = [(values.get("result", values["state"]), is_same) for values, is_same in others if values]
        is_compared = result == "touched" and not any(is_same and end == "ignored" for end, is_same in ends)
        if any(end in RAN and (is_same or not is_compared) for end, is_same in ends):
            return ""
        if any(
            key_of(each, version.place, other.etag) in self._evidence.removed
            for other in self._evidence.shore.all_versions()
            for each in names
        ):
            return ""  # what it was compared with is gone by now
        return f"it is {result}, and no other version of its place has run"

    def told_and_forgotten(self, version: Version, at: datetime) -> list[str]:
        """Return the rules in whose name an event was answered with success without an entry (R7)."""
        entries = {place_of(values) for values in all_entries(self._evidence.table).values()}
        missing = []
        for rule in self._evidence.rules.now.winners(version.place):
            names = [rule.ledger_name] if rule.also else sorted(self._evidence.rules.taking_names())
            having = [name for name in names if entry_at(self._evidence.table, name, version.place, version.etag)]
            self._evidence.reached["taken"] += bool(having) and rule.ledger_name not in having
            if not having and not self._was_pruned(version):  # as while its delivery stood still for days
                known = "another version" if version.place in entries else "nothing"
                missing.append(f"{rule.name} knows {known} of {version.place} {version.etag}, told at {at}")
        return missing
