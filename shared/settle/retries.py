"""What a rule's `on_failure` makes of a failed run: a new generation, a repair of the same run, or nothing.

A repair has no idempotency token, so it is decided in one look and asked for in a later one. The decision is in the
ledger first: how many there have been (`retries`), and which repair was the run's last one then (`repair_id`, 0 for
none). Every request names that one, and Databricks takes it only as long as it is still the last
(https://docs.databricks.com/api/azure/workspace/jobs/repairrun). So however often a request is repeated, by whomever,
each decision makes at most one repair; and the run's own history tells whether it has been made.
"""

from __future__ import annotations

from datetime import timedelta

from shared import logs
from shared.clock import Clock, Deadline
from shared.errors import JobMissing, JobsError, JobsRefused
from shared.model import Entry, Run
from shared.rule_book import RuleBook
from shared.rules import FailureAction, OnFailure
from shared.settings import Settings
from shared.settle.failure_codes import may_pass
from shared.settle.recorder import LONGEST_REASON, Recorder, wait_before
from shared.settle.runs import CountedRuns

# Looks at which a repair is asked for in vain before the failure is recorded: about four hours.
MOST_REQUESTS = 12
# In case the run's history told of a repair later than the refusal did.
MOST_REFUSALS = 2


class Retries:
    """Gives a failed run another chance where its rule says so and the failure may pass."""

    def __init__(
        self, rule_book: RuleBook, runs: CountedRuns, recorder: Recorder, clock: Clock, settings: Settings
    ) -> None:
        self._rule_book = rule_book
        self._is_on = settings.dispatch_is_on
        self._runs = runs
        self._recorder = recorder
        self._clock = clock

    async def retry(self, entry: Entry, run: Run, why: str, deadline: Deadline) -> Entry | str:
        """Take the next step towards another try of a failed run, read with its history; return the entry.

        Where there is none to take, return what to add to the reason of the failure. Raises RulesError or
        BlobsUnavailable while there are no rules to ask.
        """
        if _is_awaited(entry, run):
            return await self._repair(entry, run, deadline)
        policy = await self._policy(entry.rule)
        if policy.action is FailureAction.RECORD or not may_pass(run.code):
            return _after(entry)
        if entry.retries >= policy.most:
            return _after(entry)
        retry = f"{policy.action} {entry.retries + 1} of {policy.most}"
        reason = f"run {run.run_id} failed ({why})"[: LONGEST_REASON - len(retry) - 2] + f"; {retry}"
        if policy.action is FailureAction.RERUN:
            wait = wait_before(entry.retries)
            moved = await self._recorder.begin_next_generation(entry, wait, reason=reason, retries=entry.retries + 1)
        else:
            moved = await self._decide_on_repair(entry, run, reason)
        if moved.retries != entry.retries:
            logs.warning("entry.retried", action=policy.action, run_id=run.run_id, reason=reason, **moved.log_fields())
        return moved

    async def _policy(self, rule_name: str) -> OnFailure:
        rule = (await self._rule_book.current()).by_ledger_name(rule_name)
        return OnFailure() if rule is None else rule.on_failure

    async def _decide_on_repair(self, entry: Entry, run: Run, reason: str) -> Entry:
        return await self._recorder.move(
            entry,
            retries=entry.retries + 1,
            repair_id=run.latest_repair_id or 0,
            attempts=0,
            refusals=0,
            due_at=self._clock.now() + wait_before(entry.retries),
            reason=reason,
        )

    async def _repair(self, entry: Entry, run: Run, deadline: Deadline) -> Entry | str:
        """Ask for the repair that the ledger says was decided on and the run's history says was not made."""
        if entry.request is None or entry.attempts >= MOST_REQUESTS:
            return f"; not repaired: {entry.reason}"
        if entry.due_at is not None and entry.due_at > self._clock.now():
            return entry  # a notification, or an overlapping pass, does not shorten the wait
        if not self._is_on:
            return await self._recorder.look_later(entry)
        try:
            repair_id = await self._runs.repair_run(run.run_id, entry.request, entry.repair_id or None, deadline)
        except (JobsRefused, JobMissing) as error:
            return await self._refused(entry, error, deadline)
        except JobsError as error:
            return await self._unanswered(entry, error)
        logs.fact("run.repaired", run_id=run.run_id, repair_id=repair_id, **entry.log_fields())
        return await self._recorder.look_soon(entry, attempts=0)

    async def _refused(self, entry: Entry, error: JobsError, deadline: Deadline) -> Entry | str:
        """Find out whether an earlier request took effect, for then the next one is refused."""
        logs.warning("run.unrepaired", run_id=entry.run_id, reason=error, **entry.log_fields())
        try:
            run = await self._runs.get_run(entry.run_id or 0, deadline)
        except JobsError:
            return await self._unanswered(entry, error)
        if run is None or run.verdict is None or not _is_awaited(entry, run):
            return await self._recorder.look_soon(entry)
        if entry.refusals + 1 >= MOST_REFUSALS:
            return f"; not repaired: {error.message}"
        return await self._recorder.look_soon(entry, refusals=entry.refusals + 1)

    async def _unanswered(self, entry: Entry, error: JobsError) -> Entry:
        logs.warning("run.unrepaired", run_id=entry.run_id, reason=error, **entry.log_fields())
        wait = max(wait_before(entry.attempts), timedelta(seconds=getattr(error, "retry_after", 0)))
        reason = error.message[:LONGEST_REASON]
        return await self._recorder.move(
            entry, attempts=entry.attempts + 1, due_at=self._clock.now() + wait, reason=reason
        )


def _is_awaited(entry: Entry, run: Run) -> bool:
    """Tell whether a repair was decided on and the run has had none since."""
    return entry.repair_id is not None and entry.repair_id == (run.latest_repair_id or 0)


def why_retried(entry: Entry) -> str:
    """Return what stays to be said of an entry whose run has succeeded in the end, "" when it did so at once."""
    if not entry.retries:
        return ""
    return _after(entry).removeprefix("; ") + (f": {entry.reason}" if entry.reason else "")


def _after(entry: Entry) -> str:
    return f"; after {entry.retries} {'retry' if entry.retries == 1 else 'retries'}" if entry.retries else ""
