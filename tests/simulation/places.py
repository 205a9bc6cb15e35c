"""Where people drop files: one after the other, for the rules of a history."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

_PLACES = (
    ("landing", "crm/{}.csv"),
    ("landing", "crm/audited-{}.csv"),
    ("landing", "erp/{}.csv"),
    ("landing", "hr/{}.csv"),
    ("inbox", "{today}/{}.csv"),
    ("inbox", "quiet/{}.csv"),
    ("inbox", "2026-03-01/{}.csv"),
    ("landing", "nobody/wants/{}.csv"),
)
_WEIGHTS = (30, 8, 20, 15, 15, 6, 3, 3)
_GATHERED = (("bulk", "alpha/{}.csv"), ("bulk", "beta/{}.csv"), ("bulk", "nightly/"), ("bulk", "weekly/"))
_GATHERED_WEIGHTS = (25, 25, 25, 25)
_INCOMPLETE, _MORE = 0.15, 0.4  # of the sets of files that are expected
_BURSTS, _LONGEST_BURST = 0.3, 6  # files that come at once


class Places:
    """Names the next file."""

    def __init__(self, chance: random.Random, *, is_gathering: bool) -> None:
        self._chance = chance
        self._places = (*_PLACES, *_GATHERED) if is_gathering else _PLACES
        self._weights = (*_WEIGHTS, *_GATHERED_WEIGHTS) if is_gathering else _WEIGHTS
        self._is_gathering = is_gathering
        self._place = self._places[0]
        self._in_burst = 0
        self._sets = {pattern: self._files_of_sets() for _, pattern in _GATHERED if pattern.endswith("/")}
        self.numbers = itertools.count(1)

    @property
    def is_bursting(self) -> bool:
        """Tell whether the next file comes at once, of the same place."""
        return self._in_burst > 0

    def next(self, today: str) -> tuple[str, str]:
        """Return the container and the path of a new file."""
        if self._in_burst:
            self._in_burst -= 1
        else:
            self._place = self._chance.choices(self._places, self._weights)[0]
            if self._is_gathering and self._place in _GATHERED and self._chance.random() < _BURSTS:
                self._in_burst = self._chance.randint(2, _LONGEST_BURST)
        container, pattern = self._place
        if pattern in self._sets:
            return container, pattern + next(self._sets[pattern])
        return container, pattern.replace("{today}", today).format(f"{next(self.numbers):06d}")

    def _files_of_sets(self) -> Iterator[str]:
        """Yield the files of one set after the other; some sets are not complete, and some have more."""
        chance = self._chance
        for number in itertools.count(1):
            files = ["orders.csv", "customers.csv"]
            files += [f"more-{number}-{more}.csv" for more in range(chance.randint(1, 3)) if chance.random() < _MORE]
            chance.shuffle(files)
            if chance.random() < _INCOMPLETE:
                files.pop()
            yield from (f"set-{number}/{file}" for file in files)
