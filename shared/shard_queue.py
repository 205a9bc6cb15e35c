"""Where the shards of a large sweep wait for whichever instance is free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class ShardQueue(Protocol):
    """A queue of texts that another instance receives, each at least once and in no particular order."""

    async def send(self, messages: Sequence[str]) -> None:
        """Put every message into the queue, to be received as the very text it is; at most 48 KiB of UTF-8 each.

        Raises QueueUnavailable, when some may be there already. Safe to repeat as far as a message may come twice.
        """
        ...

    async def close(self) -> None:
        """Release the connections. Safe to repeat."""
        ...
