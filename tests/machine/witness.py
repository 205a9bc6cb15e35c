"""Sees every write to an entry and every request for a run, and says which of them must not be.

An independent reading of docs/semantics.md and of rules R1 to R6 of ARCHITECTURE.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from localdev.memory_table import MemoryTable
from shared.ledger.table import Operation
from shared.model import RunRequest
from tests.machine.claims import GRACE, ClaimJudge
from tests.machine.evidence import Evidence
from tests.machine.hazards import has_stood_still
from tests.machine.ledger_rows import OPEN, WORKSPACE, Values, digest, marker_faults, moment, place_of, watermarks
from tests.machine.moves import MoveJudge
from tests.machine.shore import Version

RETENTION = timedelta(hours=12)


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
        self.witness.evidence.reached["duplicate"] += sum(name.startswith("D|") for name in etags)
        for key in sorted(entries):
            self.witness.saw(partition, key, former[key], self._values(partition, key), heads)
        return etags

    def _values(self, partition: str, key: str) -> Values | None:
        row = self.find(partition, f"E|{key}")
        return row.values if row else None


class Witness:
    """The oracle of single steps."""

    def __init__(self, table: WatchedTable, evidence: Evidence) -> None:
        self.evidence = evidence
        self._claims, self._moves = ClaimJudge(evidence), MoveJudge(evidence)
        self._frozen: dict[str, tuple[str, str, str]] = {}  # by token: partition, key, body
        self._started: set[tuple[str, str]] = set()  # entry and generation
        table.witness = self
        evidence.workspace.before_send = self.sends

    def saw(
        self, partition: str, key: str, before: Values | None, now: Values | None, heads: Mapping[str, Values]
    ) -> None:
        """Judge one write."""
        self.evidence.faults += [f"{key[:8]}: {fault}" for fault in marker_faults(self.evidence.table, partition, key)]
        if now is None:
            if before is not None:
                self._removed(key, before)
            return
        if before is None:
            self._claims.created(key, now, heads)
        elif before["nonce"] != now["nonce"]:
            self._moves.moved(key, before, now)
        if "request_token" in now:
            self._freezes(partition, key, now)

    def sends(self, request: RunRequest) -> None:
        """Judge one request for a run: it was written down first, and its file was looked at where it must be."""
        partition, key, body = self._frozen.get(request.token, ("", "", ""))
        if body != request.body:
            self.evidence.fault(key, f"a request was sent that the ledger does not hold: {request}")
            return
        row = self.evidence.table.find(partition, f"E|{key}")
        values = row.values if row else {"generation": "0"}
        sent = (key, values["generation"])
        if values.get("request_token") != request.token or sent in self._started:
            return
        self._started.add(sent)
        committed_at, claimed_at = moment(values, "committed_at"), moment(values, "claimed_at")
        assert committed_at is not None
        assert claimed_at is not None
        since = committed_at if values["source"] == "event" else claimed_at
        is_late = self.evidence.clock.now() - since > GRACE
        if not (is_late or int(values["generation"]) > 1) or values.get("retries"):
            return
        may_have_been_sent = has_stood_still.get() or values["lookups"] != "0"
        if may_have_been_sent or moment(values, "first_sent_at") != self.evidence.clock.now():
            return  # what may have been sent is sent again as it is, whatever has become of its file (rule R2)
        self.evidence.reached["looked up"] += 1
        there = self.evidence.shore.current(place_of(values))
        if there is None:
            self.evidence.fault(key, "a run was started for a file that was gone")
        elif there.etag != values["version"] and not self._may_start_for_another(values, there):
            self.evidence.fault(key, f"a run was started for {values['version']}, and {there.etag} was there")

    def _may_start_for_another(self, values: Values, there: Version) -> bool:
        was = self.evidence.shore.version(there.place, values["version"])
        if was is not None and was.content == there.content and was.content[1] is not None:
            return True  # only touched
        rule = next((rule for rule in self.evidence.rules.now.rules if rule.ledger_name == values["rule"]), None)
        return rule is None or not rule.overwrites_run

    def _freezes(self, partition: str, key: str, now: Values) -> None:
        token = now["request_token"]
        if token != digest(WORKSPACE, int(now["request_job_id"]), key, int(now["generation"])):
            self.evidence.fault(key, "its token is not that of its generation")
        frozen = self._frozen.setdefault(token, (partition, key, now["request_body"]))
        if frozen != (partition, key, now["request_body"]) and key not in self.evidence.removed:
            self.evidence.fault(key, "other bytes were frozen under the same token")
        self._frozen[token] = (partition, key, now["request_body"])

    def _removed(self, key: str, before: Values) -> None:
        self.evidence.reached["pruned"] += 1
        self.evidence.removed.add(key)
        now = self.evidence.clock.now()
        committed_at, settled_at = moment(before, "committed_at"), moment(before, "settled_at")
        watermark = watermarks(self.evidence.table)[before["rule"]]
        old = before["state"] not in OPEN and committed_at is not None and settled_at is not None
        if not (old and committed_at and settled_at and max(committed_at, settled_at) < now - RETENTION):
            self.evidence.fault(key, "was removed before its time")
        elif committed_at >= watermark:
            self.evidence.fault(key, f"was removed, and its rule is proven up to {watermark} only")
