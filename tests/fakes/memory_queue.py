"""A queue in memory, in which tests look and which they disturb."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import QueueUnavailable


class MemoryQueue:
    """Implements shared.shard_queue.ShardQueue."""

    def __init__(self) -> None:
        self.sent: list[str] = []  # every message that ever came, in the order of coming
        self.down = False
        self.fails_after: int | None = None  # so many more messages; then each send breaks off
        self._waiting: list[str] = []

    async def send(self, messages: Sequence[str]) -> None:
        """Keep the messages until somebody takes them; see ShardQueue."""
        for message in messages:
            if self.down or self.fails_after == 0:
                raise QueueUnavailable("Could not send to the queue.")
            if self.fails_after is not None:
                self.fails_after -= 1
            self.sent.append(message)
            self._waiting.append(message)

    def take(self, at_most: int | None = None) -> list[str]:
        """Return what waits, the first of it at most, and leave the rest."""
        taken = self._waiting[:at_most]
        del self._waiting[:at_most]
        return taken

    async def close(self) -> None:
        """Do nothing; memory has no connections."""
