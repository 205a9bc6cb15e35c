"""The message that asks any instance to sweep one shard."""

from __future__ import annotations

import json
from dataclasses import dataclass

from shared.listing_plan import Kind

LONGEST = 1_000  # characters; ours have about a hundred


@dataclass(frozen=True, slots=True)
class ShardMessage:
    """Which shard of which round."""

    kind: Kind
    round_id: str
    number: int

    def as_text(self) -> str:
        """Return it as the queue holds it."""
        return json.dumps({"kind": self.kind, "round": self.round_id, "shard": self.number})

    @classmethod
    def from_text(cls, text: str) -> ShardMessage:
        """Return what `as_text` was made of; raises ValueError for anything else."""
        if len(text) > LONGEST:
            raise ValueError(f"it has {len(text)} characters")
        try:
            found = json.loads(text)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")  # noqa: TRY004 - for callers any bad message is a ValueError
        kind, round_id, number = found.get("kind"), found.get("round"), found.get("shard")
        if not (kind in set(Kind) and isinstance(round_id, str) and type(number) is int and 0 <= number < 10**5):
            raise ValueError("it must name a kind, a round and a shard")
        return cls(Kind(kind), round_id, number)
