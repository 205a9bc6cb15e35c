"""Settle: read runs back and close their entries with the result (rules R3, R6)."""

from __future__ import annotations

from shared.settle.failure_codes import LASTING, PASSING, may_pass
from shared.settle.run_hints import Received, RunHints
from shared.settle.runs import Runs
from shared.settle.settler import Settler

__all__ = ["LASTING", "PASSING", "Received", "RunHints", "Runs", "Settler", "may_pass"]
