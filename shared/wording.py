"""How names and texts are shown in messages for people."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from shared.logs import printable

LONGEST_SHOWN = 80


def shown(text: str) -> str:
    """Return `text` between backticks, made safe to show: on one line, nothing invisible, bounded in length."""
    cut = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
    return f"`{printable(cut)}`"


def unknown(name: str, known: Iterable[str], says: str) -> str:
    """Return the sentence for a name that is not known, with the nearest that is and all that are."""
    names = [*known]
    close = get_close_matches(name[:LONGEST_SHOWN], names, n=1)
    meant = f" Did you mean `{close[0]}`?" if close else ""
    return f"{shown(name)} {says}.{meant} Known are {', '.join(names)}."
