"""Sweep: list what landed and claim what no event announced. The listing half of reconcile.

Missed is what matches a rule, was committed in the window [low watermark, server now - grace], has no entry and is
not a mere touch. Time is the storage service's own: its `Date` and `Last-Modified`, never this machine's clock and
never the greatest Last-Modified seen, because pages are not a snapshot.

A round lists everything once. Quick ones come with every pass and list the dates of the look-back where paths begin
with dates; deep ones come on their own schedule and compare all that the ledger keeps. A round is cut into shards,
which passes go through one after the other, or all instances together over a queue.

Bottom-up: `key_set` and `known` are what the ledger knows, `view` is what a round looks at, `judging` compares a page
with it, `claiming` takes what is missed, `shard_sweep` goes through a shard, `cutting` makes shards, `opening` begins a
round, `sharing` sends it through the queue, `conclusion` is what a finished one proves, `sweeper` runs rounds.
"""

from __future__ import annotations

from shared.sweep.claiming import Claimant
from shared.sweep.conclusion import RoundReport, Sweep
from shared.sweep.opening import Opener
from shared.sweep.shard_sweep import ShardTools
from shared.sweep.sharing import Sharer
from shared.sweep.sweeper import Sweeper

__all__ = ["Claimant", "Opener", "RoundReport", "ShardTools", "Sharer", "Sweep", "Sweeper"]
