"""Watches every transaction of the ledger while it happens, and compares what it says with the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.ledger.rows import ENTRY, MARKER, milliseconds
from shared.ledger.table import Create, Delete, Operation, Values
from shared.model import OPEN_STATES, Result, State, Verdict
from tests.simulation.blobs import Blobs
from tests.simulation.history import History
from tests.simulation.process import START
from tests.simulation.rule_texts import EXPECTED_FILES, IGNORING, LONGEST_GATHERING, RUN_IF_INCOMPLETE, SHADOW, parsed
from tests.simulation.table_port import WatchedTable
from tests.simulation.truth import Content, Identity, Truth
from tests.simulation.workspace import Workspace

_OPEN = {str(state) for state in OPEN_STATES}
_VERDICTS = {
    str(Result.SUCCEEDED): Verdict.SUCCEEDED,
    str(Result.FAILED): Verdict.FAILED,
    str(Result.CANCELLED): Verdict.CANCELLED,
}
_REOPENABLE = {str(Result.SUPERSEDED), str(Result.VANISHED), str(Result.TOUCHED)}  # where the version is there
_CLOCKS = 10.0  # seconds that two clocks may differ
_LONGEST_PASS = 300.0  # seconds, with all that a request may be late
_REFUSALS = 3  # after which the service gives a request up


class LedgerWatch:
    """Holds what the ledger must never say."""

    def __init__(self, table: WatchedTable, truth: Truth, workspace: Workspace, blobs: Blobs, history: History) -> None:
        self._table = table
        self._truth = truth
        self._workspace = workspace
        self._blobs = blobs
        self._history = history
        self._markers: dict[str, set[str]] = {}  # of each entry
        self.entries: dict[str, Values] = {}  # as they are now, by key
        self.pruned: dict[str, Values] = {}  # as they were last
        self.created: set[str] = set()  # every entry that there ever was
        self.open: set[str] = set()
        self.activated: dict[str, float] = {}  # when each rule was first written down
        self.may_recreate = False  # a person has asked for a backfill
        table.watch = self.committed

    def committed(self, partition: str, operations: Sequence[Operation], who: str) -> None:
        """Look at a transaction that has just taken effect."""
        if partition == "rules":
            self._standings(operations)
            return
        changed = []
        for operation in operations:
            kind = operation.key[:2]
            if kind == MARKER:
                self._marker(operation)
            elif kind == ENTRY:
                changed.append(operation)
        for operation in changed:
            self._entry(operation, who)

    def _marker(self, operation: Operation) -> None:
        markers = self._markers.setdefault(operation.key.rpartition("|")[2], set())
        if isinstance(operation, Delete):
            markers.discard(operation.key)
        else:
            markers.add(operation.key)

    def _entry(self, operation: Operation, who: str) -> None:
        key = operation.key[len(ENTRY) :]
        identity = self._truth.by_key.get(key)
        if identity is None:
            self._history.violated("wrong", f"entry {key[:12]} is of a version that never was")
            return
        if isinstance(operation, Delete):
            self.pruned[key] = self.entries.pop(key)
            self._history.hits["pruned entry"] += 1
            self._expect_markers(key, identity, set())
            return
        before, after = self.entries.get(key), operation.values
        self.entries[key] = after
        state = after["state"]
        path = identity.content.full_path
        self._history.record(who, f"ledger {state} {after.get('result', '')}", path, (identity.rule, key[:12]))
        if isinstance(operation, Create):
            self._created(key, identity)
        if state in _OPEN:
            self.open.add(key)
            due = milliseconds(datetime.fromisoformat(after["due_at"])) if after.get("due_at") else "none"
            self._expect_markers(key, identity, {f"{MARKER}{due}|{key}"})
        else:
            self.open.discard(key)
            self._expect_markers(key, identity, set())
        self._judge(key, identity, before, after)

    def _created(self, key: str, identity: Identity) -> None:
        if key in self.created and not self.may_recreate:
            self._history.violated("refired", "a version was claimed again after it had been pruned", _path(identity))
        self.created.add(key)
        self._truth.unclaimed.pop(identity.content.number, None)

    def _expect_markers(self, key: str, identity: Identity, expected: set[str]) -> None:
        found = self._markers.get(key, set())
        if found != expected:
            what = f"entry {key[:12]} has the markers {sorted(found)} in place of {sorted(expected)}"
            self._history.violated("unmarked", what, _path(identity))

    def _judge(self, key: str, identity: Identity, before: Values | None, after: Values) -> None:
        wrong = (
            self._run_fault(key, after)
            or self._generation_fault(identity, before, after)
            or _backward_fault(before, after)
        )
        if not wrong and after["state"] == State.SETTLED:
            wrong = self._result_fault(key, identity, after)
        if not wrong and after["state"] == State.DEAD:
            wrong = self._death_fault(key, identity, after)
        if wrong:
            self._history.violated("wrong", f"entry {key[:12]} of the rule {identity.rule}: {wrong}", _path(identity))

    def _run_fault(self, key: str, after: Values) -> str:
        if "run_id" not in after:
            return "it is submitted without a run" if after["state"] == State.SUBMITTED else ""
        run = self._workspace.runs.get(int(after["run_id"]))
        if run is None:
            return f"run {after['run_id']} never was"
        if run.entry != key:
            return f"run {run.run_id} is of another entry"
        return "" if run.token == after.get("request_token") else f"run {run.run_id} has another token"

    def _generation_fault(self, identity: Identity, before: Values | None, after: Values) -> str:
        grown = int(after["generation"]) - int(before["generation"]) if before else int(after["generation"]) - 1
        if grown not in {0, 1}:
            return f"its generation moved by {grown}"
        if before is None or not grown:
            return ""
        was_replayed = any(rule == identity.rule for _, rule in self._truth.replays)
        if was_replayed and before["state"] in {State.SETTLED, State.DEAD}:
            return ""
        run = self._workspace.runs.get(int(before.get("run_id", "0")))
        if run is None or run.ends > self._workspace_now():
            return f"generation {after['generation']} began while the last one's run was not known to have ended"
        if run.verdict in {Verdict.SUCCEEDED, Verdict.CANCELLED}:
            return f"generation {after['generation']} began after a run that was {run.verdict}"
        self._history.hits["generation added"] += 1
        return ""

    def _workspace_now(self) -> float:
        return (self._blobs.now() - START).total_seconds()

    def _result_fault(self, key: str, identity: Identity, after: Values) -> str:
        result = after.get("result", "")
        self._history.hits[f"settled {result}"] += 1
        run = self._workspace.runs.get(int(after.get("run_id", "0")))
        if result in _VERDICTS:
            if run is None or run.ends > self._workspace_now() or run.verdict is not _VERDICTS[result]:
                return f"it is {result}, and its run is not"
            return ""
        if result == Result.UNKNOWN:
            return "" if run is not None and run.is_deleted else "its run is said to be gone, and is not"
        if result == Result.GATHERED:
            member = (key, int(after["generation"]))
            is_listed = any(member in batch.members for batch in self._truth.batches_of.get(key, ()))
            return "" if is_listed else "it is said to be in a batch, and no manifest lists it"
        if result == Result.IGNORED:
            return self._ignorance_fault(key, identity)
        return _absence_fault(result, identity)

    def _ignorance_fault(self, key: str, identity: Identity) -> str:
        """Return what is wrong where a rule starts nothing: it is a shadow, or ignores overwrites."""
        if identity.rule == SHADOW.name:
            return ""
        is_ignoring = any("on_overwrite" in rule.options for _, rules in self._truth.documents for rule in rules)
        if identity.rule not in IGNORING or not is_ignoring:
            return "it is ignored, and its rule ignores nothing"
        has_had = any(
            self.created & set(other.keys) - {key}
            for other in self._truth.contents
            if other.full_path == identity.content.full_path
        )
        return "" if has_had else "it is ignored, and is no overwrite"

    def _death_fault(self, key: str, identity: Identity, after: Values) -> str:
        self._history.hits["dead entry"] += 1
        if "gathering_since" in after:
            return self._abandonment_fault(identity, after)
        is_deleted = any(run.is_deleted for run in self._workspace.of_entry.get(key, ()))
        refusals = self._workspace.refusals[key]
        return "" if is_deleted or refusals >= _REFUSALS else f"it is dead after {refusals} refusals"

    def _abandonment_fault(self, identity: Identity, after: Values) -> str:
        """Return what is wrong where a member is given up: it must have waited, and what is missing not with it."""
        self._history.hits["member given up"] += 1
        expected = EXPECTED_FILES.get(identity.rule, ())
        if not expected or identity.rule in RUN_IF_INCOMPLETE:
            return f"it was given up, which its rule never does: {after.get('reason')}"
        now, folder = self._blobs.now(), identity.content.full_path.rpartition("/")[0]
        since = min(self._of_set(identity.rule, folder, now))
        if (now - since).total_seconds() < LONGEST_GATHERING - _CLOCKS:
            return f"it was given up, and its set waited since {since} only"
        beside = [self._waiting_at(identity.rule, f"{folder}/{name}", now) for name in expected]
        return "it was given up, and the whole set has waited" if all(beside) else ""

    def _of_set(self, rule: str, folder: str, now: datetime) -> Iterator[datetime]:
        """Yield since when the files of a set wait, or have waited that were given up together just now."""
        for content in self._truth.contents:
            if not content.full_path.startswith(f"{folder}/"):
                continue
            for entry in (self.entries.get(key, {}) for key in content.keys if self._truth.by_key[key].rule == rule):
                ended = datetime.fromisoformat(entry["settled_at"]) if "settled_at" in entry else now
                if "gathering_since" in entry and (now - ended).total_seconds() < _LONGEST_PASS:
                    yield datetime.fromisoformat(entry["gathering_since"])

    def _waiting_at(self, rule: str, full_path: str, now: datetime) -> bool:
        """Tell whether what lies at a path has waited for its batch for longer than any pass takes."""
        content = self._truth.current.get(tuple(full_path.split("/", 1)))  # type: ignore[arg-type]  # two texts
        keys = [key for key in content.keys if self._truth.by_key[key].rule == rule] if content else []
        for entry in filter(None, map(self.entries.get, keys)):
            is_waiting = entry["state"] == State.HELD and not entry.get("batch") and "gathering_since" in entry
            if is_waiting and (now - datetime.fromisoformat(entry["gathering_since"])).total_seconds() > _LONGEST_PASS:
                return True
        return False

    def _standings(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if isinstance(operation, Delete):
                continue
            self.activated.setdefault(operation.key, self._workspace_now())
            if not isinstance(operation, Create):
                self._proof(operation.key, operation.values)

    def _proof(self, rule: str, values: Values) -> None:
        """Check that everything up to a rule's watermark has an entry, of what a listing can show."""
        watermark = datetime.fromisoformat(values["low_watermark"])
        baseline = datetime.fromisoformat(values["baseline"])
        self._history.hits["watermark moved"] += 1
        for content in list(self._truth.unclaimed.values()):
            blob = self._blobs.find(content.arrival.container, content.arrival.path)
            if blob is None or not baseline < blob.committed_at < watermark:
                continue
            if content.is_moved:  # a rename keeps the file's time, and the listings of that time did not show it here
                continue
            if self._wants(rule, content):
                what = f"the rule {rule} is proven complete up to {watermark}, and this has no entry"
                self._history.violated("proof", what, content.full_path)

    def _wants(self, rule: str, content: Content) -> bool:
        rules = [parsed(document).match(content.arrival) for document in self._truth.documents_since(content.document)]
        return all(any(match.rule.ledger_name == rule for match in matches) for matches in rules)


def _backward_fault(before: Values | None, after: Values) -> str:
    """Return what is wrong where an entry goes back to what it was: somebody has overwritten newer knowledge."""
    if before is None or before["generation"] != after["generation"]:
        return ""
    if "run_id" in before and before["run_id"] != after.get("run_id"):
        return f"it forgot its run {before['run_id']}"
    is_reopened = before["state"] not in _OPEN and after["state"] in _OPEN
    if is_reopened and before.get("result") not in _REOPENABLE:
        return f"it was {before['state']} {before.get('result', '')} and is open again"
    return ""


def _absence_fault(result: str, identity: Identity) -> str:
    """Return what is wrong with a result that says why nothing was run."""
    content = identity.content
    is_current = content.gone_at is None
    is_newest = is_current and content.versions[-1] == identity.version
    is_touch = identity.version != content.versions[0] or content.is_repeated
    faults = {
        str(Result.SUPERSEDED): "it is superseded, and is what lies there" if is_newest else "",
        str(Result.VANISHED): "it has vanished, and lies there" if is_current else "",
        str(Result.TOUCHED): "" if is_touch else "it is taken for a touch, and is new content",
    }
    return faults.get(result, f"it is {result}, and no rule ignores anything")


def _path(identity: Identity) -> str:
    return identity.content.full_path
