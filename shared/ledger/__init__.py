"""The durable record of every (rule, arrival) and what became of it."""

from __future__ import annotations

from shared.ledger.backfills import Backfill, BackfillCursor, Backfills, BackfillState, backfill_id
from shared.ledger.bookkeeping import Bookkeeping, Breaker, Standing, Upkept
from shared.ledger.budgets import Budget, Budgets, Grant
from shared.ledger.entries import Claim, Claimed, Entries
from shared.ledger.old_rows import OldRows
from shared.ledger.rounds import Round, Rounds, Shard
from shared.ledger.rows import Indexed, Marker, partition_of, partitions_of
from shared.ledger.shard_progress import ListingProgress, ShardProgress
from shared.ledger.table import Table

__all__ = [
    "Backfill",
    "BackfillCursor",
    "BackfillState",
    "Backfills",
    "Bookkeeping",
    "Breaker",
    "Budget",
    "Budgets",
    "Claim",
    "Claimed",
    "Entries",
    "Grant",
    "Indexed",
    "ListingProgress",
    "Marker",
    "OldRows",
    "Round",
    "Rounds",
    "Shard",
    "ShardProgress",
    "Standing",
    "Table",
    "Upkept",
    "backfill_id",
    "partition_of",
    "partitions_of",
]
