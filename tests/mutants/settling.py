"""Mutants of settling: what a run's state means, and what follows from it."""

from __future__ import annotations

from tests.mutants.mutant import Change, Mutant, Search, Suite

SETTLING = (
    Mutant(
        "skipped-is-done",
        "a run that was skipped settles its entry: the file is never processed (R6)",
        (
            Change(
                "shared.settle.settler",
                "return await self._never_ran(entry, run)",
                'return await self._ended(entry, run, Result.SUCCEEDED, "")',
            ),
        ),
    ),
    Mutant(
        "unread-is-gone",
        "a run that could not be read settles its entry as unknown (R6)",
        (
            Change(
                "shared.settle.settler",
                "            return await self._recorder.look_later(entry)\n\n",
                '            return await self._recorder.close(entry, Result.UNKNOWN, reason="")\n\n',
            ),
        ),
    ),
    Mutant(
        "failure-is-success",
        "a run that failed settles its entry as succeeded (R6)",
        (
            Change(
                "shared.settle.settler",
                "return await self._ended(entry, run, Result.FAILED, why + retried)",
                "return await self._ended(entry, run, Result.SUCCEEDED, why + retried)",
            ),
        ),
    ),
    Mutant(
        "internal-error-is-success",
        "INTERNAL_ERROR, which is how an ordinary failure looks, counts as success (R6)",
        (
            Change(
                "shared.jobs.verdicts",
                "(_VERDICTS[code] for code in codes if code in _VERDICTS), Verdict.FAILED)",
                "(_VERDICTS[code] for code in codes if code in _VERDICTS), Verdict.SUCCEEDED)",
            ),
        ),
        Suite("tests/shared/jobs/test_verdicts.py", "the simulated Databricks gives verdicts, and no raw states"),
    ),
    Mutant(
        "unknown-state-is-failure",
        "a state that nobody knows yet counts as an end (R6)",
        (
            Change(
                "shared.jobs.verdicts",
                "    if _standing(run) not in _TERMINAL:\n        return None\n    codes",
                "    if _standing(run) in _ACTIVE:\n        return None\n    codes",
            ),
        ),
        Suite("tests/shared/jobs/test_verdicts.py", "the simulated Databricks gives verdicts, and no raw states"),
    ),
    Mutant(
        "reruns-without-end",
        "a failed run is rerun more often than the rule says",
        (Change("shared.settle.retries", "if entry.retries >= policy.most:", "if entry.retries > 1000:"),),
        Search("event, two passes, a rerun"),
    ),
    Mutant(
        "every-failure-is-rerun",
        "a failure that would only come again is rerun as well",
        (
            Change(
                "shared.settle.retries",
                "if policy.action is FailureAction.RECORD or not may_pass(run.code):",
                "if policy.action is FailureAction.RECORD:",
            ),
        ),
        Suite(
            "tests/shared/settle/test_retries.py::test_lasting_failure_is_recorded_at_once",
            "reruns are what the rule asks for, and the simulated failures are all of one code",
        ),
    ),
    Mutant(
        "same-generation-again",
        "a run that never ran is asked for again under the token that it had (R3)",
        (Change("shared.settle.recorder", "generation=entry.generation + 1,", "generation=entry.generation,"),),
    ),
)
