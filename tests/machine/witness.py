"""Sees every write to an entry and every request for a run, and says which of them must not be.

An independent reading of docs/semantics.md and of rules R1 to R6 of ARCHITECTURE.md. Faults are collected, for what
is raised inside the service might be caught there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

from localdev.memory_table import MemoryTable
from shared.clock import Clock
from shared.ledger.table import Operation
from shared.model import RunRequest, Verdict
from tests.machine.hazards import has_stood_still
from tests.machine.ledger_rows import (
    ABSENT,
    OPEN,
    WORKSPACE,
    Values,
    baselines,
    digest,
    entry_at,
    key_of,
    marker_faults,
    moment,
    place_of,
    watermarks,
)
from tests.machine.rule_edits import RuleHistory
from tests.machine.shore import Shore, Version
from tests.machine.workspace import PASSING, Workspace

GRACE = timedelta(minutes=5)
RETENTION = timedelta(hours=12)
REPLAYABLE = frozenset({"dead", "failed", "cancelled", "unknown", "vanished"})
# From where to where an entry may go: "The ledger protocol" and "States" of ARCHITECTURE.md and docs/operations.md.
STEPS = {
    "pending": {"pending", "dispatching", "submitted", "settled", "dead"},
    "dispatching": {"pending", "dispatching", "submitted", "dead"},
    "held": {"pending", "dispatching", "held", "settled"},
    "submitted": {"pending", "submitted", "settled"},
    "settled": {"pending", "held"},
    "dead": {"pending"},
}


class WatchedTable(MemoryTable):
    """A table with a witness."""

    def __init__(self) -> None:
        super().__init__()
        self.witness: Witness | None = None

    def apply(self, partition: str, operations: Sequence[Operation]) -> dict[str, str]:
        """Apply all operations or none, before the witness's eyes."""
        if self.witness is None:
            return super().apply(partition, operations)
        keys = {operation.key for operation in operations}
        entries = {name[2:] for name in keys if name.startswith("E|")}
        entries |= {name.rpartition("|")[2] for name in keys if name.startswith(("Q|", "T|"))}
        former = {key: self._values(partition, key) for key in entries}
        heads = {row.key[2:]: row.values for row in self.rows(partition, "H|", "H|~")}
        etags = super().apply(partition, operations)
        self.witness.reached["duplicate"] += sum(name.startswith("D|") for name in etags)
        for key in sorted(entries):
            self.witness.saw(partition, key, former[key], self._values(partition, key), heads)
        return etags

    def _values(self, partition: str, key: str) -> Values | None:
        row = self.find(partition, f"E|{key}")
        return row.values if row else None


class Witness:
    """The oracle of single steps."""

    def __init__(
        self, table: WatchedTable, shore: Shore, rules: RuleHistory, workspace: Workspace, clock: Clock
    ) -> None:
        self._table, self._shore, self._rules = table, shore, rules
        self._workspace, self._clock = workspace, clock
        self.faults: list[str] = []
        self.reached: Counter[str] = Counter()
        self.removed: set[str] = set()  # keys of entries that were pruned
        self.replays = 0  # that may still be opening entries
        self.backfills = 0  # that were ever asked for
        self._frozen: dict[str, tuple[str, str, str]] = {}  # by token: partition, key, body
        self._started: set[tuple[str, str]] = set()  # entry and generation
        table.witness = self
        workspace.before_send = self.sends

    def saw(
        self, partition: str, key: str, before: Values | None, now: Values | None, heads: Mapping[str, Values]
    ) -> None:
        """Judge one write."""
        self.faults += [f"{key[:8]}: {fault}" for fault in marker_faults(self._table, partition, key)]
        if now is None:
            if before is not None:
                self._removed(key, before)
            return
        if before is None:
            self._created(key, now, heads)
        elif before["nonce"] != now["nonce"]:
            self._moved(key, before, now)
        if "request_token" in now:
            self._freezes(partition, key, now)

    def sends(self, request: RunRequest) -> None:
        """Judge one request for a run: it was written down first, and its file was looked at where it must be."""
        partition, key, body = self._frozen.get(request.token, ("", "", ""))
        if body != request.body:
            self._fault(key, f"a request was sent that the ledger does not hold: {request}")
            return
        row = self._table.find(partition, f"E|{key}")
        values = row.values if row else {"generation": "0"}
        sent = (key, values["generation"])
        if values.get("request_token") != request.token or sent in self._started:
            return
        self._started.add(sent)
        committed_at, claimed_at = moment(values, "committed_at"), moment(values, "claimed_at")
        assert committed_at is not None
        assert claimed_at is not None
        since = committed_at if values["source"] == "event" else claimed_at
        is_late = self._clock.now() - since > GRACE
        if not (is_late or int(values["generation"]) > 1) or values.get("retries"):
            return
        if has_stood_still.get() or moment(values, "first_sent_at") != self._clock.now():
            return  # it was looked at before, and may have been sent since
        self.reached["looked up"] += 1
        there = self._shore.current(place_of(values))
        if there is None:
            self._fault(key, "a run was started for a file that was gone")
        elif there.etag != values["version"] and not self._may_start_for_another(values, there):
            self._fault(key, f"a run was started for {values['version']}, and {there.etag} was there")

    def _may_start_for_another(self, values: Values, there: Version) -> bool:
        was = self._shore.version(there.place, values["version"])
        if was is not None and was.content == there.content and was.content[1] is not None:
            return True  # only touched
        rule = next((rule for rule in self._rules.now.rules if rule.ledger_name == values["rule"]), None)
        return rule is None or not rule.overwrites_run

    def _created(self, key: str, now: Values, heads: Mapping[str, Values]) -> None:
        place, rule_name, source = place_of(now), now["rule"], now["source"]
        version = self._shore.version(place, now["version"])
        self.reached[f"claimed by {source}"] += 1
        if key != key_of(rule_name, place, now["version"]):
            self._fault(key, f"is not the key of {place} {now['version']}")
        if version is None:
            self._fault(key, f"there never was a version {now['version']} of {place}")
            return
        rule = next((rule for rule in self._rules.now.winners(place) if rule.ledger_name == rule_name), None)
        if rule is None:
            self._fault(key, f"{rule_name} does not take {place}")
            return
        if now["generation"] != "1" or now["state"] == "dead":
            self._fault(key, f"begins as {now['state']}, generation {now['generation']}")
        if not rule.also and not self._is_fresh(now) and (other := self._taken_by(rule_name, now)):
            self._fault(key, f"{other} has had {place} {now['version']} already")
        if source == "sweep":
            self._swept(key, now, version)
        if source == "backfill" and not self.backfills:
            self._fault(key, "nobody asked for a backfill")
        self._judge(key, now, version, heads, overwrites_run=rule.overwrites_run)

    def _swept(self, key: str, now: Values, version: Version) -> None:
        baseline = baselines(self._table)[now["rule"]]
        if version.written_at < baseline:
            self._fault(key, f"written at {version.written_at}, before the rule's baseline {baseline}")
        if version.written_at > self._clock.now() - GRACE:
            self._fault(key, "the sweep did not wait for its event")
        if key in self.removed:
            self._fault(key, "a file that was pruned was found again by the sweep")
        if version.is_copying:
            self._fault(key, "the sweep took a file that was being copied")

    def _judge(
        self, key: str, now: Values, version: Version, heads: Mapping[str, Values], *, overwrites_run: bool
    ) -> None:
        """Judge with what result an entry begins, if any."""
        result = now.get("result", "open")
        self.reached[result] += 1
        head = heads.get(digest(now["account"], now["container"], now["path"]), {})
        if result == "superseded" and not self._shore.was_replaced(version):
            self._fault(key, "superseded, and no other version ever followed")
        if result == "ignored" and (overwrites_run or not head):
            self._fault(key, "ignored, and the rule runs it")
        if now["source"] == "event":
            if result == "touched":
                self._fault(key, "an event was taken for a touch")
            return
        claimed = entry_at(self._table, now["rule"], version.place, head.get("version", "")) or {}
        owner = entry_at(self._table, now["rule"], version.place, head["owner"]) if "owner" in head else claimed
        known_md5 = "" if (owner or {}).get("result") in ABSENT else head.get("md5") or claimed.get("md5") or ""
        known = (int(head["size"]) if "size" in head else None, known_md5 or None)
        is_same = bool(known_md5) and known == version.content
        if is_same != (result == "touched"):
            self._fault(key, f"begins as {result}; its content is {version.content}, the known one {known}")
        if now.get("ambiguous_touch"):
            self.reached["ambiguous touch"] += 1

    def _is_fresh(self, now: Values) -> bool:
        committed_at = moment(now, "committed_at")
        return now["source"] == "event" and committed_at is not None and self._clock.now() - committed_at <= GRACE

    def _taken_by(self, rule_name: str, now: Values) -> str:
        also = {rule.ledger_name for rule in self._rules.now.rules if rule.also}
        others = {rule.ledger_name for edition in self._rules.editions for rule in edition.rules} - also - {rule_name}
        for other in sorted(others):
            had = entry_at(self._table, other, place_of(now), now["version"])
            if had is not None and (had.get("result") not in ABSENT or int(had["generation"]) > 1):
                return other
        return ""

    def _moved(self, key: str, before: Values, now: Values) -> None:
        was, is_ = before["state"], now["state"]
        self.reached[f"{was} to {is_}"] += 1
        if is_ not in STEPS[was]:
            self._fault(key, f"went from {was} to {is_}")
        grown = int(now["generation"]) - int(before["generation"])
        if grown:
            self._grew(key, before, now, grown)
        elif before.get("request_token", now.get("request_token")) != now.get("request_token"):
            self._fault(key, "the token of a generation changed")
        elif before.get("request_body", now.get("request_body")) != now.get("request_body"):
            self._fault(key, "the bytes of a generation's request changed")
        if was not in OPEN and is_ in OPEN and not grown and not self._may_come_back(before):
            self._fault(key, f"was opened again, and had been {before.get('result', was)}")
        if is_ not in OPEN:
            self._closed(key, before, now)
        if is_ == "submitted" and self._workspace.run_of.get(now["request_token"]) != int(now["run_id"]):
            self._fault(key, f"run {now['run_id']} is not that of its token")

    def _may_come_back(self, before: Values) -> bool:
        """Tell whether a closed entry may be opened: its file was not there, or its event tells that it was written."""
        version = self._shore.version(place_of(before), before["version"])
        is_told = version is not None and version.events > 0
        return before.get("result") in ABSENT or (before.get("result") == "touched" and is_told)

    def _grew(self, key: str, before: Values, now: Values, grown: int) -> None:
        self.reached["generation grew"] += 1
        if grown != 1:
            self._fault(key, f"its generation grew by {grown}")
        if before["state"] not in OPEN:
            self.reached["replayed"] += 1
            if not self.replays or before.get("result", before["state"]) not in REPLAYABLE:
                self._fault(key, "its generation grew, and nobody asked for it")
            return
        if before["state"] != "submitted":
            self._fault(key, f"its generation grew while it was {before['state']}")
            return
        ends = self._workspace.became[int(before["run_id"])]
        if ends and ends[-1][0] is Verdict.NEVER_RAN:
            self.reached["never ran"] += 1
            return
        self.reached["rerun"] += 1
        most = max((rule.reruns for rule in self._rules.ever(now["rule"])), default=0)
        passing = bool(ends) and ends[-1][0] is Verdict.FAILED and ends[-1][1] in PASSING
        if not passing or int(now.get("retries", "0")) > most:
            self._fault(key, f"its generation grew after {ends}, with {most} reruns allowed")

    def _closed(self, key: str, before: Values, now: Values) -> None:
        """Judge an entry's end by what Databricks and the landing account know (R6)."""
        result = now.get("result", now["state"])
        self.reached[result] += 1
        version = self._shore.version(place_of(now), now["version"])
        run_id = int(now.get("run_id", "0"))
        run = self._workspace.runs.get(run_id)
        match result:
            case "succeeded" | "failed" | "cancelled":
                is_true = run is not None and run.verdict is not None and run.verdict.value == result
            case "unknown":
                is_true = run_id in self._workspace.deleted
            case "vanished":
                is_true = version is not None and version.away > 0
            case "superseded":
                is_true = version is not None and self._shore.was_replaced(version)
            case "dead":
                is_true = self._is_rightly_dead(before)
            case _:
                is_true = False
        if not is_true:
            self._fault(key, f"closed as {result}, and that is not so: {now.get('reason')}")

    def _is_rightly_dead(self, before: Values) -> bool:
        """Tell whether it was refused three times, or no run of it is to be found after days."""
        token = before.get("request_token", "")
        if self._workspace.refused[token] >= 3:
            return True
        return "lookups" in before and self._workspace.run_of.get(token) not in self._workspace.runs

    def _freezes(self, partition: str, key: str, now: Values) -> None:
        token = now["request_token"]
        if token != digest(WORKSPACE, int(now["request_job_id"]), key, int(now["generation"])):
            self._fault(key, "its token is not that of its generation")
        frozen = self._frozen.setdefault(token, (partition, key, now["request_body"]))
        if frozen != (partition, key, now["request_body"]) and key not in self.removed:
            self._fault(key, "other bytes were frozen under the same token")
        self._frozen[token] = (partition, key, now["request_body"])

    def _removed(self, key: str, before: Values) -> None:
        self.reached["pruned"] += 1
        self.removed.add(key)
        now = self._clock.now()
        committed_at, settled_at = moment(before, "committed_at"), moment(before, "settled_at")
        watermark = watermarks(self._table)[before["rule"]]
        old = before["state"] not in OPEN and committed_at is not None and settled_at is not None
        if not (old and committed_at and settled_at and max(committed_at, settled_at) < now - RETENTION):
            self._fault(key, "was removed before its time")
        elif committed_at >= watermark:
            self._fault(key, f"was removed, and its rule is proven up to {watermark} only")

    def _fault(self, key: str, what: str) -> None:
        self.faults.append(f"{key[:8]}: {what}")
