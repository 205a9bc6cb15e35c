"""The durable record of every (rule, arrival) and what became of it."""

from __future__ import annotations

from shared.ledger.bookkeeping import Bookkeeping, Breaker, Standing
from shared.ledger.entries import Claim, Claimed, Entries
from shared.ledger.rows import Indexed, Marker, partition_of, partitions_of
from shared.ledger.table import Table

__all__ = [
    "Bookkeeping",
    "Breaker",
    "Claim",
    "Claimed",
    "Entries",
    "Indexed",
    "Marker",
    "Standing",
    "Table",
    "partition_of",
    "partitions_of",
]
