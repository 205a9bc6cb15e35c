"""What the simulator did, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Counters:
    """Events, but for failed_attempts, which counts requests. Every copy of a duplicated event counts as delivered."""

    published: int = 0  # raised for a change, before any fault
    delivered: int = 0
    duplicated: int = 0  # additional copies that were sent on purpose
    dropped: int = 0  # by fault, never sent
    delayed: int = 0
    reordered: int = 0
    malformed: int = 0
    failed_attempts: int = 0  # requests without a successful answer
    dead_lettered: int = 0
    discarded: int = 0  # given up without a dead letter: none wanted, or its container was away too long
    abandoned: int = 0  # still under way when the simulator was stopped

    def as_dict(self) -> dict[str, int]:
        """Return the counters by name."""
        return asdict(self)
