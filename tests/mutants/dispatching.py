"""Mutants of dispatch: tokens, generations, leases, and what an answer of Databricks means."""

from __future__ import annotations

from tests.mutants.mutant import Change, Mutant, Simulation, Suite

_NEXT = '"generation": entry.generation + 1, "request": None, "first_sent_at": None, "state": State.PENDING'
_FROZEN_EACH_TIME = Change(
    "shared.dispatch",
    "request=entry.request or self._frozen(entry, job_id),",
    "request=self._frozen(entry, job_id),",
)

DISPATCHING = (
    Mutant(
        "random-token",
        "each attempt has a token of its own (R2)",
        (
            _FROZEN_EACH_TIME,
            Change(
                "shared.dispatch",
                "token = run_token(workspace, job_id, entry.key, entry.generation)",
                'token = run_token(workspace, job_id, f"{entry.key}{self._randomness.random()}", entry.generation)',
            ),
        ),
    ),
    Mutant(
        "lease-is-safety",
        "whoever takes the lease takes a new token with it: one sender at a time is thought to be enough (R4)",
        (
            _FROZEN_EACH_TIME,
            Change(
                "shared.dispatch",
                "token = run_token(workspace, job_id, entry.key, entry.generation)",
                'token = run_token(workspace, job_id, f"{entry.key}{self._clock.now()}", entry.generation)',
            ),
        ),
    ),
    Mutant(
        "generation-on-unknown",
        "a time-out begins a new generation (R3)",
        (
            Change(
                "shared.run_answers",
                'changes["due_at"] = now + max(lease, delay(entry.attempts))',
                'changes |= {"due_at": now + delay(entry.attempts), ' + _NEXT + "}",
            ),
        ),
    ),
    Mutant(
        "generation-on-refusal",
        "a 400 begins a new generation (R3)",
        (
            Change(
                "shared.run_answers",
                'changes |= {"refusals": entry.refusals + 1, "state": State.PENDING}',
                'changes |= {"refusals": entry.refusals + 1, ' + _NEXT + "}",
            ),
        ),
    ),
    Mutant(
        "generation-on-busy",
        "a 429 begins a new generation (R3)",
        (
            Change(
                "shared.run_answers",
                'changes |= {"state": State.PENDING, "due_at": now + wait}',
                'changes |= {"due_at": now + wait, ' + _NEXT + "}",
            ),
        ),
    ),
    Mutant(
        "rendered-again",
        "the request is rendered again for each attempt, and not frozen before the first (R2)",
        (
            _FROZEN_EACH_TIME,
            Change(
                "shared.dispatch",
                "body=frozen_body(job_id, token, entry.parameters))",
                "body=frozen_body(job_id, token, "
                '{**entry.parameters, "timeout_seconds": int(self._clock.now().timestamp())}))',
            ),
        ),
    ),
    Mutant(
        "unknown-is-dead",
        "a request without an answer is given up (R5)",
        (
            Change(
                "shared.run_answers",
                'changes["due_at"] = now + max(lease, delay(entry.attempts))',
                'changes |= {"state": State.DEAD, "due_at": None, "settled_at": now}',
            ),
        ),
    ),
    Mutant(
        "busy-is-dead",
        "a 429 is taken for a refusal for good (R5)",
        (
            Change(
                "shared.run_answers",
                'changes |= {"state": State.PENDING, "due_at": now + wait}',
                'changes |= {"state": State.DEAD, "due_at": None, "settled_at": now}',
            ),
        ),
    ),
    Mutant(
        "accepted-is-success",
        "a 200 of run-now settles the entry: the run is not read back (R6)",
        (
            Change(
                "shared.dispatch",
                "            state=State.SUBMITTED,\n"
                "            run_id=run_id,\n"
                "            arrival=arrival,\n"
                "            due_at=now + self._settings.settle_interval,\n",
                "            state=State.SETTLED,\n"
                "            result='succeeded',\n"
                "            settled_at=now,\n"
                "            run_id=run_id,\n"
                "            arrival=arrival,\n"
                "            due_at=None,\n",
            ),
        ),
    ),
    Mutant(
        "leases-never-end",
        "nobody takes over what a crashed worker has leased (R4)",
        (
            Change(
                "shared.redrive",
                "STARTABLE = frozenset({State.PENDING, State.DISPATCHING, State.HELD})",
                "STARTABLE = frozenset({State.PENDING, State.HELD})",
            ),
        ),
    ),
    Mutant(
        "started-unseen",
        "what has waited is started without a look at its file",
        (
            Change(
                "shared.holds",
                "    if entry.generation > 1:\n        return True\n    arrival = entry.arrival\n",
                "    if entry.key:\n        return False\n    arrival = entry.arrival\n",
            ),
            Change(
                "shared.dispatch",
                "if entry.state is State.HELD or self._may_have_changed(entry):",
                "if self._may_have_changed(entry):",
            ),
        ),
        Suite(
            "tests/shared/test_semantics.py::test_directory_marker_starts_nothing",
            "a run for a file that is gone is no wrong run in a simulated history",
        ),
    ),
    Mutant(
        "one-at-a-time",
        "a pass redrives one entry after the other in a fixed order: what stands behind a slow one starves",
        (
            Change("shared.redrive", "CONCURRENCY = 8\nREAD", "CONCURRENCY = 1\nREAD"),
            Change(
                "shared.redrive",
                "line = iter(_in_turns(markers))",
                "line = iter(sorted(markers, key=lambda marker: marker.key))",
            ),
        ),
        Simulation(frozenset({"sluggish", "databricks-down"}), arrivals=450),
    ),
    Mutant(
        "wrong-run-is-found",
        "the run of an earlier generation is taken for the one whose answer was lost",
        (
            Change(
                "shared.lost_runs",
                "    return run.ended_at < entry.first_sent_at\n",
                "    return False\n",
            ),
        ),
        Suite(
            "tests/shared/test_dispatch.py::test_run_of_an_earlier_generation_is_not_the_one_that_is_looked_for",
            "only a request without an answer for a whole day is looked up",
        ),
    ),
)
