"""Status: what the ledger holds and what is proven, per rule, for people and for monitors. Reads only."""

from __future__ import annotations

from shared.status.counts import WINDOWS, Counts, MissedEvents
from shared.status.lags import Lags, LagSummary
from shared.status.reader import DEFAULT_WINDOW, StatusReader
from shared.status.snapshot import RuleStatus, Status

__all__ = [
    "DEFAULT_WINDOW",
    "WINDOWS",
    "Counts",
    "LagSummary",
    "Lags",
    "MissedEvents",
    "RuleStatus",
    "Status",
    "StatusReader",
]
