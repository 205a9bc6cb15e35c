"""Judges how entries begin: an independent reading of docs/semantics.md and of rule R1 of ARCHITECTURE.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from tests.machine.evidence import Evidence
from tests.machine.ledger_rows import (
    ABSENT,
    Values,
    baselines,
    digest,
    entry_at,
    head_key,
    key_of,
    moment,
    partition_of,
    place_of,
)
from tests.machine.shore import Version

GRACE = timedelta(minutes=5)


class ClaimJudge:
    """The oracle of claims."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def created(self, key: str, now: Values, heads: Mapping[str, Values]) -> None:
        """Judge a new entry beside the heads that its partition had."""
        place, rule_name, source = place_of(now), now["rule"], now["source"]
        version = self._evidence.shore.version(place, now["version"])
        self._evidence.reached[f"claimed by {source}"] += 1
        if key != key_of(rule_name, place, now["version"]):
            self._evidence.fault(key, f"is not the key of {place} {now['version']}")
        if version is None:
            self._evidence.fault(key, f"there never was a version {now['version']} of {place}")
            return
        rule = next((rule for rule in self._evidence.rules.now.winners(place) if rule.ledger_name == rule_name), None)
        if rule is None:
            self._evidence.fault(key, f"{rule_name} does not take {place}")
            return
        if now["generation"] != "1" or now["state"] == "dead":
            self._evidence.fault(key, f"begins as {now['state']}, generation {now['generation']}")
        if not rule.also and not self._is_fresh(now) and (other := self._taken_by(rule_name, now)):
            self._evidence.fault(key, f"{other} has had {place} {now['version']} already")
        if source == "sweep":
            self._swept(key, now, version)
        if source == "backfill" and not self._evidence.backfills:
            self._evidence.fault(key, "nobody asked for a backfill")
        self._judge(key, now, version, heads, overwrites_run=rule.overwrites_run)

    def _swept(self, key: str, now: Values, version: Version) -> None:
        baseline = baselines(self._evidence.table)[now["rule"]]
        if version.written_at < baseline:
            self._evidence.fault(key, f"written at {version.written_at}, before the rule's baseline {baseline}")
        if version.written_at > self._evidence.clock.now() - GRACE:
            self._evidence.fault(key, "the sweep did not wait for its event")
        if key in self._evidence.removed:
            self._evidence.fault(key, "a file that was pruned was found again by the sweep")
        if version.is_copying:
            self._evidence.fault(key, "the sweep took a file that was being copied")

    def _judge(
        self, key: str, now: Values, version: Version, heads: Mapping[str, Values], *, overwrites_run: bool
    ) -> None:
        """Judge with what result an entry begins, if any."""
        result = now.get("result", "open")
        self._evidence.reached[result] += 1
        head = heads.get(digest(now["account"], now["container"], now["path"]), {})
        if result == "superseded" and not self._evidence.shore.was_replaced(version):
            self._evidence.fault(key, "superseded, and no other version ever followed")
        if result == "ignored" and (overwrites_run or not head):
            self._evidence.fault(key, "ignored, and the rule runs it")
        if now["source"] == "event":
            if result == "touched":
                self._evidence.fault(key, "an event was taken for a touch")
            return
        last = max([(now["rule"], head), *self._others(now, version.place)], key=_committed_at)
        known = self._content(version.place, *last)
        is_same = bool(known[1]) and known == version.content
        if is_same != (result == "touched"):
            self._evidence.fault(key, f"begins as {result}; its content is {version.content}, the known one {known}")
        if now.get("ambiguous_touch"):
            self._evidence.reached["ambiguous touch"] += 1

    def _others(self, now: Values, place: str) -> list[tuple[str, Values]]:
        """Return the heads that other rules have of a place: a touch is told by the last version that any has had."""
        rules = self._evidence.rules
        here = {rule.ledger_name: rule for rule in rules.now.rules}
        if here[now["rule"]].also:
            return []
        # A backfill is asked for by name: rules that are gone are not in its way.
        names = rules.taking_names() if now["source"] == "sweep" else set(here)
        others = [name for name in names - {now["rule"]} if name not in here or not here[name].also]
        rows = [(name, self._evidence.table.find(partition_of(name, place), head_key(place))) for name in others]
        return [(name, row.values) for name, row in rows if row is not None]

    def _content(self, place: str, rule_name: str, head: Values) -> tuple[int | None, str | None]:
        """Return the size and the MD5 of what a rule's head stands for; without the MD5 where it never ran."""
        claimed = self._entry_at(rule_name, place, head.get("version", "")) or {}
        owner = self._entry_at(rule_name, place, head["owner"]) if "owner" in head else claimed
        md5 = "" if (owner or {}).get("result") in ABSENT else head.get("md5") or claimed.get("md5") or ""
        return int(head["size"]) if "size" in head else None, md5 or None

    def _is_fresh(self, now: Values) -> bool:
        committed_at = moment(now, "committed_at")
        is_old = committed_at is None or self._evidence.clock.now() - committed_at > GRACE
        return now["source"] == "event" and not is_old

    def _taken_by(self, rule_name: str, now: Values) -> str:
        also = {rule.ledger_name for rule in self._evidence.rules.now.rules if rule.also}
        others = {rule.ledger_name for edition in self._evidence.rules.editions for rule in edition.rules}
        if now["source"] == "backfill":  # it asks for what a rule would take today: what removed rules had is included
            others &= {rule.ledger_name for rule in self._evidence.rules.now.rules}
        for other in sorted(others - also - {rule_name}):
            had = self._entry_at(other, place_of(now), now["version"])
            if had is not None and (had.get("result") not in ABSENT or int(had["generation"]) > 1):
                return other
        return ""

    def _entry_at(self, rule_name: str, place: str, etag: str) -> Values | None:
        return entry_at(self._evidence.table, rule_name, place, etag)


def _committed_at(rule_and_head: tuple[str, Values]) -> str:
    return rule_and_head[1].get("committed_at", "")
