"""Mutants of limits: how many runs may be started in a while, by all instances together."""

from __future__ import annotations

from tests.mutants.mutant import Change, Mutant, Suite

_NO_LIMITS = "simulated rules have no limits"

LIMITING = (
    Mutant(
        "permits-uncounted",
        "permits that are given out are not written down",
        (
            Change(
                "shared.limits.cashier",
                "return (granted(budget, wallet.limit, now, permits) if permits else budget), permits",
                "return budget, permits",
            ),
        ),
        Suite("tests/shared/limits/test_limits.py::test_runs_over_the_limit_wait_with_their_reason", _NO_LIMITS),
    ),
    Mutant(
        "budget-written-unconditionally",
        "an instance gives out permits whatever others have given out meanwhile",
        (
            Change(
                "shared.ledger.budgets",
                "from shared.ledger.table import Create, Operation, Replace, Row, Table, Values",
                "from shared.ledger.table import Create, Operation, Put, Row, Table, Values",
            ),
            Change(
                "shared.ledger.budgets",
                "Replace(budget.scope, values, budget.etag) if budget.etag else Create(budget.scope, values)",
                "Put(budget.scope, values)",
            ),
        ),
        Suite(
            "tests/shared/limits/test_limits_instances.py::test_no_window_holds_more_runs_than_the_limit", _NO_LIMITS
        ),
    ),
)
