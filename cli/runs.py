"""`landfall runs`: the files of late, and what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer

from cli.history import recent_entries
from cli.options import read_window
from cli.output import ago, as_json, shortened, show_json, show_table
from cli.target import environment
from shared import wiring
from shared.model import Entry
from shared.rules import Rules


def runs(
    window: Annotated[str, typer.Option(help="How far back, such as 90s, 48h or 7d.")] = "24h",
    most: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many files.")] = 30,
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """List the newest files with their rule, how they were found, their run and its result."""
    entries, rules, now = asyncio.run(_read(read_window(window), most))
    if json:
        show_json([_as_json(entry, rules) for entry in entries])
        return
    rows = [
        (
            shortened(entry.arrival.full_path),
            rules.present_name(entry.rule),
            entry.arrival.source.value,
            entry.run_id,
            str(entry.result or entry.state),
            ago(entry.arrival.committed_at, now),
            entry.reason,
        )
        for entry in entries
    ]
    columns = ("file", "rule", "found by", "run", "result", "age", "why")
    show_table(f"Files of the last {window}, newest first", columns, rows, wide=("file", "why"))


async def _read(window: timedelta, most: int) -> tuple[Sequence[Entry], Rules, datetime]:
    service = wiring.build(environment())
    try:
        entries = await recent_entries(service, window, most)
        return entries, await service.rule_book.current(), service.clock.now()
    finally:
        await service.close()


def _as_json(entry: Entry, rules: Rules) -> dict[str, object]:
    return {
        "file": entry.arrival.full_path,
        "version": entry.arrival.version,
        "size": entry.arrival.size,
        "committed_at": as_json(entry.arrival.committed_at),
        "found_by": entry.arrival.source,
        "rule": rules.present_name(entry.rule),
        "ledger_name": entry.rule,
        "entry": entry.key,
        "state": entry.state,
        "result": entry.result,
        "reason": entry.reason or None,
        "generation": entry.generation,
        "run_id": entry.run_id,
        "run_url": entry.run_url or None,
        "run_started_at": as_json(entry.run_started_at),
        "run_ended_at": as_json(entry.run_ended_at),
        "settled_at": as_json(entry.settled_at),
    }
