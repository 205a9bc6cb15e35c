"""Shows how far long work is, on standard error and only to people."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from rich.progress import track

from cli.output import talk
from shared.rules import Rule

Track = Callable[[Collection[Rule], str], Iterable[Rule]]

_WORTH_SHOWING = 500


def no_track(rules: Collection[Rule], says: str) -> Iterable[Rule]:
    """Show nothing."""
    del says
    return rules


def track_on_terminal(rules: Collection[Rule], says: str) -> Iterable[Rule]:
    """Show a progress bar where somebody is looking and there is time to see it."""
    if len(rules) < _WORTH_SHOWING or not talk.is_terminal:
        return rules
    return track(rules, says, console=talk, transient=True)
