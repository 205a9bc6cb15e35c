"""What a person sees: tables on standard output, talk on standard error, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Container, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.logs import printable
from shared.model import Result, State

# Output that goes into a file or a pipe has no width of its own: wide enough for the tables, as `ps` does it.
out = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else 160)
talk = Console(stderr=True, highlight=False, emoji=False)

LONGEST_PATH = 120
NUMBERS = {"run", "open", "succeeded", "failed", "other", "dead", "missed", "duplicates"}
_COLOURS = {
    Result.SUCCEEDED.value: "green",
    Result.FAILED.value: "red",
    Result.CANCELLED.value: "yellow",
    Result.UNKNOWN.value: "yellow",
    State.DEAD.value: "red",
    State.SUBMITTED.value: "cyan",
    State.DISPATCHING.value: "cyan",
    State.PENDING.value: "cyan",
}


def show_json(value: object) -> None:
    """Write a value for scripts: one JSON document on standard output, nothing else.

    What a terminal would obey, and what no encoding has, is escaped as JSON does it: the document says the same.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False)
    sys.stdout.write("".join(map(_harmless, text)) + "\n")


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    wide: Sequence[str],
    numbers: Container[str] = NUMBERS,
) -> None:
    """Write a table; `wide` names the columns that may be folded, `numbers` those that stand to the right.

    What blobs are called cannot colour it or break its lines.
    """
    table = Table(
        title=visible(title),
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        numeric = column in numbers or column.startswith("s to")
        table.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=column not in wide)
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    out.print(table)


def show_facts(title: str, facts: Iterable[tuple[str, object]]) -> None:
    """Write what is known of one thing, a line for each: its name and its value."""
    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        grid.add_row(visible(name), cell(value))
    say(title, style="bold")
    out.print(grid)


def say(text: str, style: str = "") -> None:
    """Write a line of data for people; nothing in it is obeyed as markup or as an escape sequence."""
    out.print(visible(text), style=style, soft_wrap=True)


def complain(text: str) -> None:
    """Write what is wrong to standard error, line by line; nothing in it is obeyed."""
    talk.print("\n".join(map(visible, text.split("\n"))), style="red", soft_wrap=True)


def cell(value: object) -> str:
    """Return a value as a table shows it."""
    if value is None or value == "":
        return "[dim]-[/dim]"
    if isinstance(value, float):
        return f"{value:.1f}"
    text = str(value)
    colour = _COLOURS.get(text)
    return f"[{colour}]{visible(text)}[/{colour}]" if colour else visible(text)


def visible(text: str) -> str:
    """Return text that a terminal shows as it is: nothing in it is obeyed as markup or as an escape sequence."""
    return escape(text if text.isprintable() else printable(text))


def shortened(text: str) -> str:
    """Return a path as a table has room for it: a very long one without its middle."""
    return text if len(text) <= LONGEST_PATH else f"{text[: LONGEST_PATH // 2]}…{text[-LONGEST_PATH // 2 :]}"


def _harmless(character: str) -> str:
    return character if character.isprintable() or character == "\n" else json.dumps(character)[1:-1]


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something was, as people say it."""
    return "" if moment is None else span(now - moment)


def span(length: timedelta) -> str:
    """Return a length of time in its largest sensible unit."""
    seconds = max(0.0, length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def as_json(value: Any) -> Any:
    """Return a value with its datetimes as text."""
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value
