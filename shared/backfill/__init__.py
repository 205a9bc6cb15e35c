"""Backfill: a sweep that is asked for over a chosen range, by a person or by the rename of a directory.

It takes the same line as events and the sweep. A rule's baseline does not hold for it, and what has an entry is known,
whoever claimed it.

Bottom-up: `places` is where it is listed, `orders` writes down what is asked for; `known` is what the ledger knows of
the window, `page` takes in one page at a `pace`, `hold` is one worker's lease and progress, `backfiller` goes through
it all.
"""

from __future__ import annotations

from shared.backfill.backfiller import Backfiller, BackfillTools
from shared.backfill.orders import BackfillOrders

__all__ = ["BackfillOrders", "BackfillTools", "Backfiller"]
