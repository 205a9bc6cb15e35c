"""The shortest text of a language, or the proof that it has none."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cache

from cli.rules.language.characters import ALL, LAST, holds
from cli.rules.language.terms import NOTHING, Term, cuts, derivative
from cli.rules.language.undecided import TooComplex

# What stands for a range of characters in a text for people, the first that is in the range.
_PREFERRED = [ord(character) for character in "abcdefghijklmnopqrstuvwxyz2013456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_. é"]
# What one search may take, in derivatives: some tenths of a second. Rules as people write them need some hundreds.
MOST_STEPS = 100_000


class Effort:
    """How many steps all searches together may still take: what a person waits for is bounded, whatever rules say."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps; raises TooComplex when none are left."""
        self._left -= steps
        if self._left < 0:
            raise TooComplex

    @property
    def is_spent(self) -> bool:
        """Tell whether no step is left."""
        return self._left <= 0


def shortest_word(term: Term, effort: Effort | None = None) -> str | None:
    """Return a shortest text of the language, None when it is proven to have none. Raises TooComplex."""
    try:
        return _search(term, [Effort(), effort or Effort()])
    except RecursionError:  # hundreds of parts in a row, each of which may be missing
        raise TooComplex from None


def _search(term: Term, limits: list[Effort]) -> str | None:
    if term.takes_nothing:
        return ""
    came_from: dict[Term, tuple[Term, int] | None] = {term: None}
    waiting = deque([term])
    while waiting:
        state = waiting.popleft()
        code_points = _representatives(cuts(state))
        for limit in limits:
            limit.spend(len(code_points) * (len(state.parts) or 1))
        for code_point in code_points:
            following = derivative(state, code_point)
            if following is NOTHING or following in came_from:
                continue
            came_from[following] = (state, code_point)
            if following.takes_nothing:
                return _text(came_from, following)
            waiting.append(following)
    return None


def _text(came_from: dict[Term, tuple[Term, int] | None], state: Term) -> str:
    characters: list[str] = []
    while step := came_from[state]:
        state, code_point = step
        characters.append(chr(code_point))
    return "".join(reversed(characters))


@cache
def _representatives(boundaries: frozenset[int]) -> tuple[int, ...]:
    """Return one character for each range between the boundaries, those that people like to read first."""
    chosen = [*_chosen(sorted({0, *boundaries}))]
    return tuple(sorted(chosen, key=lambda code_point: (_rank(code_point), code_point)))


def _chosen(starts: list[int]) -> Iterator[int]:
    for start, following in zip(starts, [*starts[1:], LAST + 1], strict=True):
        if holds(ALL, start):
            yield next((liked for liked in _PREFERRED if start <= liked < following), start)


def _rank(code_point: int) -> int:
    return _PREFERRED.index(code_point) if code_point in _PREFERRED else len(_PREFERRED)
