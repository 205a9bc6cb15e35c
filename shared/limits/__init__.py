"""Limits: how many runs may start, so that a flood of files cannot become a flood of cost.

At most so many in any minute, hour or day, however many instances there are and however they die: what is given out
is in the ledger, one row for each limit. An instance takes permits in blocks and uses them without asking anybody.
"""

from __future__ import annotations

from shared.limits.limiter import Limiter, Permit
from shared.limits.line import Line

__all__ = ["Limiter", "Line", "Permit"]
