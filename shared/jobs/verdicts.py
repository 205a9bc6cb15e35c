"""The states of a run, in both of Databricks' models, reduced to one verdict.

`status` is the newer model, `state` the older; both are in every answer today. New states and codes may appear at
any time (https://docs.databricks.com/api/azure/workspace/jobs/getrun), so nothing here raises: an unknown state is
an active run, an unknown code of a terminal state is a failure.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.jobs.json_values import JsonObject, object_of, text_of
from shared.model import Verdict

LONGEST_WORD = 80
LONGEST_MESSAGE = 2_000

_ACTIVE = frozenset(
    {"QUEUED", "PENDING", "RUNNING", "TERMINATING", "BLOCKED", "WAITING", "WAITING_FOR_RETRY"},
)
_TERMINAL = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})

_VERDICTS = {
    "SUCCESS": Verdict.SUCCEEDED,
    "SUCCESS_WITH_FAILURES": Verdict.SUCCEEDED,
    "CANCELED": Verdict.CANCELLED,
    "USER_CANCELED": Verdict.CANCELLED,
    "UPSTREAM_CANCELED": Verdict.CANCELLED,  # somebody cancelled what it waited for
    "SKIPPED": Verdict.NEVER_RAN,
    "MAX_CONCURRENT_RUNS_EXCEEDED": Verdict.NEVER_RAN,
    "MAX_JOB_QUEUE_SIZE_EXCEEDED": Verdict.NEVER_RAN,
    "WORKSPACE_RUN_LIMIT_EXCEEDED": Verdict.NEVER_RAN,
    "MAXIMUM_CONCURRENT_RUNS_REACHED": Verdict.NEVER_RAN,
    # These did not run either, but a run that never ran is started again, and starting these again ends the same
    # way until a person changes the job. As failures they are seen.
    "DISABLED": Verdict.FAILED,
    "EXCLUDED": Verdict.FAILED,
    "UPSTREAM_FAILED": Verdict.FAILED,
    "FAILED": Verdict.FAILED,
    "TIMEDOUT": Verdict.FAILED,
}


def verdict_of(run: JsonObject) -> Verdict | None:
    """Return a run's verdict; None while it is active or in a state that nobody knows yet. Never raises."""
    if _standing(run) not in _TERMINAL:
        return None
    codes = list(_codes(run))
    if "TIMEDOUT" in codes:  # its termination code is CANCELED: the platform cancelled it
        return Verdict.FAILED
    return next((_VERDICTS[code] for code in codes if code in _VERDICTS), Verdict.FAILED)


def is_active(run: JsonObject) -> bool:
    """Tell whether a run, or an item of its repair history, is in a state that is known to go on."""
    return _standing(run) in _ACTIVE


def termination_code(run: JsonObject) -> str:
    """Return the code by which a run has ended, "TIMEDOUT" for a time-out; "" while it is active."""
    if _standing(run) not in _TERMINAL:
        return ""
    codes = list(_codes(run))
    return "TIMEDOUT" if "TIMEDOUT" in codes else next(iter(codes), "")


def state_words(run: JsonObject) -> str:
    """Return Databricks' own words for a run's state, "TERMINATED/SUCCESS"; "" when it gave none."""
    standing = _standing(run)
    code = next(_codes(run), "") if standing in _TERMINAL else _queue_details(run)[0]
    return f"{standing}/{code}" if code and code != standing else standing


def state_message(run: JsonObject) -> str:
    """Return what Databricks says about a run's state, for people; "" when it says nothing."""
    texts = (_termination(run).get("message"), object_of(run.get("state")).get("state_message"), _queue_details(run)[1])
    return next((found for text in texts if (found := text_of(text, LONGEST_MESSAGE))), "")


def _standing(run: JsonObject) -> str:
    """Return the state that counts: the newer model's where it is a known one, else the older model's."""
    newer = text_of(object_of(run.get("status")).get("state"), LONGEST_WORD)
    older = text_of(object_of(run.get("state")).get("life_cycle_state"), LONGEST_WORD)
    return newer if newer in _TERMINAL | _ACTIVE or not older else older


def _codes(run: JsonObject) -> Iterator[str]:
    """Yield what a terminal run says about its end, the most telling first."""
    state = object_of(run.get("state"))
    if code := text_of(_termination(run).get("code"), LONGEST_WORD):
        yield code
    if result := text_of(state.get("result_state"), LONGEST_WORD):
        yield result
    if state.get("life_cycle_state") == "SKIPPED":  # which need not have a result
        yield "SKIPPED"


def _termination(run: JsonObject) -> JsonObject:
    return object_of(object_of(run.get("status")).get("termination_details"))


def _queue_details(run: JsonObject) -> tuple[str, str]:
    details = object_of(object_of(run.get("status")).get("queue_details"))
    return text_of(details.get("code"), LONGEST_WORD), text_of(details.get("message"), LONGEST_MESSAGE)
