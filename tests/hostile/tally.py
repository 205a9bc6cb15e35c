"""What the tests of this directory have put to the service, for the line that closes them."""

from __future__ import annotations

from collections import Counter

inputs: Counter[str] = Counter()


def count(kind: str, how_many: int = 1) -> None:
    """Count inputs of a kind: "corpus" for one case at one door, "fuzzed" for one that was drawn."""
    inputs[kind] += how_many
