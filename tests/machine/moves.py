"""Judges how entries move: an independent reading of docs/semantics.md and of rules R2 to R6 of ARCHITECTURE.md."""

from __future__ import annotations

from shared.model import Verdict
from tests.machine.evidence import Evidence
from tests.machine.ledger_rows import ABSENT, OPEN, Values, place_of
from tests.machine.workspace import PASSING

REPLAYABLE = frozenset({"dead", "failed", "cancelled", "unknown", "vanished"})
LEANING = frozenset({"touched", "ignored"})  # closed in favour of another version; without it they are nothing
# From where to where an entry may go: "The ledger protocol" and "States" of ARCHITECTURE.md and docs/operations.md.
STEPS = {
    "pending": {"pending", "dispatching", "submitted", "settled", "dead"},
    "dispatching": {"pending", "dispatching", "submitted", "dead"},
    "held": {"pending", "dispatching", "held", "settled"},
    "submitted": {"pending", "submitted", "settled"},
    "settled": {"pending", "held", "settled"},
    "dead": {"pending"},
}


class MoveJudge:
    """The oracle of moves."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def moved(self, key: str, before: Values, now: Values) -> None:
        """Judge what an entry has become."""
        was, is_ = before["state"], now["state"]
        self._evidence.reached[f"{was} to {is_}"] += 1
        if is_ not in STEPS[was]:
            self._evidence.fault(key, f"went from {was} to {is_}")
        grown = int(now["generation"]) - int(before["generation"])
        if grown:
            self._grew(key, before, now, grown)
        elif before.get("request_token", now.get("request_token")) != now.get("request_token"):
            self._evidence.fault(key, "the token of a generation changed")
        elif before.get("request_body", now.get("request_body")) != now.get("request_body"):
            self._evidence.fault(key, "the bytes of a generation's request changed")
        if was not in OPEN and is_ in OPEN and not grown and not self._may_come_back(before):
            self._evidence.fault(key, f"was opened again, and had been {before.get('result', was)}")
        if was == is_ == "settled" and not (before["result"] in LEANING and now["result"] in ABSENT):
            self._evidence.fault(key, f"was {before['result']} and became {now['result']}")
        if is_ not in OPEN:
            self._closed(key, before, now)
        if is_ == "submitted" and self._evidence.workspace.run_of.get(now["request_token"]) != int(now["run_id"]):
            self._evidence.fault(key, f"run {now['run_id']} is not that of its token")

    def _may_come_back(self, before: Values) -> bool:
        """Tell whether a closed entry may be opened: its file was not there, or its event tells that it was written."""
        version = self._evidence.shore.version(place_of(before), before["version"])
        is_told = version is not None and version.events > 0
        return before.get("result") in ABSENT or (before.get("result") == "touched" and is_told)

    def _grew(self, key: str, before: Values, now: Values, grown: int) -> None:
        self._evidence.reached["generation grew"] += 1
        if grown != 1:
            self._evidence.fault(key, f"its generation grew by {grown}")
        if before["state"] not in OPEN:
            self._evidence.reached["replayed"] += 1
            if not self._evidence.replays or before.get("result", before["state"]) not in REPLAYABLE:
                self._evidence.fault(key, "its generation grew, and nobody asked for it")
            return
        if before["state"] != "submitted":
            self._evidence.fault(key, f"its generation grew while it was {before['state']}")
            return
        ends = self._evidence.workspace.became[int(before["run_id"])]
        if ends and ends[-1][0] is Verdict.NEVER_RAN:
            self._evidence.reached["never ran"] += 1
            return
        self._evidence.reached["rerun"] += 1
        most = max((rule.reruns for rule in self._evidence.rules.ever(now["rule"])), default=0)
        passing = bool(ends) and ends[-1][0] is Verdict.FAILED and ends[-1][1] in PASSING
        if not passing or int(now.get("retries", "0")) > most:
            self._evidence.fault(key, f"its generation grew after {ends}, with {most} reruns allowed")

    def _closed(self, key: str, before: Values, now: Values) -> None:
        """Judge an entry's end by what Databricks and the landing account know (R6)."""
        result = now.get("result", now["state"])
        self._evidence.reached[result] += 1
        version = self._evidence.shore.version(place_of(now), now["version"])
        run_id = int(now.get("run_id", "0"))
        run = self._evidence.workspace.runs.get(run_id)
        match result:
            case "succeeded" | "failed" | "cancelled":
                is_true = run is not None and run.verdict is not None and run.verdict.value == result
            case "unknown":
                is_true = run_id in self._evidence.workspace.deleted
            case "vanished":
                is_true = version is not None and version.away > 0
            case "superseded":
                is_true = version is not None and self._evidence.shore.was_replaced(version)
            case "dead":
                is_true = self._is_rightly_dead(before)
            case _:
                is_true = False
        if not is_true:
            self._evidence.fault(key, f"closed as {result}, and that is not so: {now.get('reason')}")

    def _is_rightly_dead(self, before: Values) -> bool:
        """Tell whether it was refused three times, or no run of it is to be found after days."""
        token = before.get("request_token", "")
        if self._evidence.workspace.refused[token] >= 3:
            return True
        return "lookups" in before and self._evidence.workspace.run_of.get(token) not in self._evidence.workspace.runs
