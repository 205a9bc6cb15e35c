"""`display` where nobody draws: tables of text."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

MOST_ROWS = 1000  # as Databricks shows of a table


def display(*values: Any) -> None:
    """Print what Databricks would draw."""
    for value in values:
        sys.stdout.write(f"{text_of(value)}\n")


def text_of(value: Any) -> str:
    """Return a value as text: data frames and lists of rows as tables, anything else as it prints itself."""
    if hasattr(value, "toPandas") and hasattr(value, "_jdf"):  # Spark's own, which only knows how to print itself
        value = value.limit(MOST_ROWS).toPandas()
    if hasattr(value, "to_string") and hasattr(value, "columns"):  # pandas
        return str(value.to_string(max_rows=MOST_ROWS))
    rows = _rows(value)
    return str(value) if rows is None else table(*rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return rows of cells as text, in columns that are as wide as they have to be."""
    shown = [[_one_line(cell) for cell in row] for row in rows[:MOST_ROWS]]
    widths = [max(map(len, column)) for column in zip(columns, *shown, strict=True)]
    lines = [columns, ["-" * width for width in widths], *shown]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    more = len(rows) - len(shown)
    return "\n".join([*text, f"(and {more} more rows)"] if more else text)


def _rows(value: Any) -> tuple[list[str], list[Sequence[object]]] | None:
    """Return the columns and rows of a list of records of one kind: named tuples, mappings, or plain rows."""
    if not isinstance(value, list | tuple) or not value or hasattr(value, "_fields"):
        return None
    first = value[0]
    if isinstance(first, Mapping) and all(isinstance(row, Mapping) for row in value):
        names = list(dict.fromkeys(str(name) for row in value for name in row))
        return names, [[row.get(name) for name in names] for row in value]
    if not isinstance(first, list | tuple) or not first:
        return None
    if any(not isinstance(row, list | tuple) or len(row) != len(first) for row in value):
        return None
    names = list(getattr(first, "_fields", None) or (f"_{number}" for number in range(1, len(first) + 1)))
    return names, list(value)


def _one_line(cell: object) -> str:
    return str(cell).replace("\n", "\\n")
