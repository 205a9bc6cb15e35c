"""Send the shards of a large round through the queue, where other workers take them."""

from __future__ import annotations

from contextlib import suppress

from shared import logs
from shared.clock import Clock
from shared.errors import LedgerConflict, QueueUnavailable
from shared.ledger import Round, Rounds
from shared.listing_plan import Kind
from shared.shard_queue import ShardQueue
from shared.sweep.shard_message import ShardMessage


class Sharer:
    """Shares rounds."""

    def __init__(self, rounds: Rounds, queue: ShardQueue, clock: Clock) -> None:
        self._rounds = rounds
        self._queue = queue
        self._clock = clock

    async def send(self, round_: Round) -> Round:
        """Send the shards that nobody works on through the queue; where that fails, the passes go on with them."""
        now = self._clock.now()
        waiting = [shard for shard in await self._rounds.shards(round_) if shard.is_free(now)]
        if not waiting:  # whoever has its shards goes on with them; the next pass need not leave any to the queue
            return round_
        messages = [ShardMessage(Kind(round_.kind), round_.id, shard.number).as_text() for shard in waiting]
        try:
            sent = await self._rounds.save(round_, sent_at=now)
            await self._queue.send(messages)
        except LedgerConflict:
            return round_
        except QueueUnavailable as error:
            logs.error("round.unshared", kind=round_.kind, reason=error)
            with suppress(LedgerConflict):  # then somebody else has gone on with it
                return await self._rounds.save(sent, sent_at=None)
        logs.fact("round.shared", kind=round_.kind, shards=len(messages))
        return sent

    async def send_again(self, message: str) -> None:
        """Send a message once more, for what its shard has left. Raises QueueUnavailable."""
        await self._queue.send([message])
