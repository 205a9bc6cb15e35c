"""A Databricks that remembers what was ever asked of it: the truth that the ledger is held against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from shared.clock import Clock, Deadline
from shared.errors import JobMissing, JobsRefused
from shared.model import ENTRY_PARAMETER, Run, RunRequest, Verdict
from tests.fakes.databricks import FakeDatabricks

ENDS = {
    "success": (Verdict.SUCCEEDED, "TERMINATED/SUCCESS"),
    "failed for good": (Verdict.FAILED, "TERMINATED/RUN_EXECUTION_ERROR"),
    "failed in passing": (Verdict.FAILED, "TERMINATED/CLUSTER_ERROR"),
    "internal error": (Verdict.FAILED, "INTERNAL_ERROR/INTERNAL_ERROR"),
    "cancelled": (Verdict.CANCELLED, "TERMINATED/USER_CANCELED"),
    "skipped": (Verdict.NEVER_RAN, "TERMINATED/SKIPPED"),
}
# The failures that another try may mend, by the table of docs/rules.md.
PASSING = frozenset({"CLUSTER_ERROR", "INTERNAL_ERROR"})


class Workspace(FakeDatabricks):
    """What every run of an entry became, also of those that were deleted since."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.missing: set[int] = set()  # jobs that are away
        self.deleted: set[int] = set()
        self.tokens_of: dict[str, list[str]] = defaultdict(list)  # by entry, those that started a run
        self.run_of: dict[str, int] = {}  # by token
        self.became: dict[int, list[tuple[Verdict, str]]] = defaultdict(list)  # by run, its ends and their codes
        self.refused: Counter[str] = Counter()  # by token
        self.before_send: Callable[[RunRequest], None] = lambda _: None

    async def run_now(self, request: RunRequest, deadline: Deadline) -> int:
        """Start a run, or return the one that this token has started before.

        Refuses a token whose run was deleted, as https://docs.databricks.com/api/azure/workspace/jobs/runnow says.
        """
        self.before_send(request)
        if request.job_id in self.missing:
            self.calls["run_now"] += 1
            raise JobMissing(f"Job {request.job_id} does not exist.")
        if self.run_of.get(request.token) in self.deleted:
            self.refused[request.token] += 1
            raise JobsRefused("The run of this idempotency token was deleted.")
        try:
            return await super().run_now(request, deadline)
        except JobsRefused:
            self.refused[request.token] += 1
            raise

    def end_as(self, run_id: int, how: str) -> None:
        """End a run in one of the ways of ENDS."""
        verdict, state = ENDS[how]
        self.end(run_id, verdict, state)
        self.became[run_id].append((verdict, state.partition("/")[2]))

    def delete(self, run_id: int) -> None:
        """Delete a run, as a person may."""
        self.deleted.add(run_id)
        del self.runs[run_id]

    def active(self) -> list[int]:
        """Return the runs that have not ended."""
        return [run_id for run_id, run in self.runs.items() if run.verdict is None]

    def is_effective(self, run_id: int) -> bool:
        """Tell whether a run began to execute, or still may."""
        ends = self.became[run_id]
        return not ends or any(verdict is not Verdict.NEVER_RAN for verdict, _ in ends)

    def _run(self, run_id: int, request: RunRequest) -> Run:
        run = super()._run(run_id, request)
        self.run_of[request.token] = run_id
        self.tokens_of[run.parameters.get(ENTRY_PARAMETER, "")].append(request.token)
        return run
