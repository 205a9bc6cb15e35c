"""What a person sees of backfills: a line that moves, and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.output import shortened, show_table, talk, visible
from shared.ledger import Backfill

# In the order in which people want to know them.
_OUTCOMES = {
    "claimed": "claimed",
    "known": "known",
    "outside": "outside the window",
    "unmatched": "not for the rule",
    "touched": "only touched",
    "ignored": "ignored",
    "superseded": "superseded",
    "dead": "given up",
    "vanished": "gone meanwhile",
    "unfinished": "still being written",
}


@contextmanager
def progress_of(backfill: Backfill) -> Iterator[Callable[[Backfill], None]]:
    """Yield what shows how far a backfill has come, on one line of a terminal and nowhere else.

    How many blobs there are nobody knows before they are listed, so only a limit makes a bar that fills.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal) as progress:
        task = progress.add_task("Listing", total=backfill.limit)

        def show(now: Backfill) -> None:
            progress.update(task, description=summary(now), completed=now.counts.get("claimed", 0))

        yield show


def summary(backfill: Backfill, *, dry_run: bool = False) -> str:
    """Return what a backfill has made of what it has listed, in words."""
    counts = backfill.counts
    said = [f"{counts[name]} {text}" for name, text in _OUTCOMES.items() if counts.get(name)]
    said += [f"{count} {name}" for name, count in counts.items() if name not in {*_OUTCOMES, "listed"}]
    words = ", ".join(said) or "nothing to claim"
    return f"{counts.get('listed', 0)} listed: {words.replace('claimed', 'would be claimed') if dry_run else words}"


def show_backfills(backfills: Sequence[Backfill]) -> None:
    """Write a table of backfills."""
    columns = ("id", "state", "rule", "from", "until", "below", "listed", "claimed", "by", "why")
    show_table("Backfills, newest first", columns, map(_row, backfills), wide=("below", "by", "why"))


def say(text: str, *, style: str | None = None) -> None:
    """Tell the person something."""
    talk.print(visible(text), style=style, soft_wrap=True)


def _row(backfill: Backfill) -> tuple[object, ...]:
    return (
        backfill.id,
        backfill.state.value,
        backfill.rule or "all",
        f"{backfill.since:%Y-%m-%d %H:%M}" if backfill.since else "",
        f"{backfill.until:%Y-%m-%d %H:%M}" if backfill.until else "",
        shortened(backfill.prefix),
        str(backfill.counts.get("listed", 0)),
        str(backfill.counts.get("claimed", 0)),
        backfill.asked_by,
        backfill.reason,
    )
