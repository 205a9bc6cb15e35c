"""`landfall prune`: remove from the ledger what is old."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

from cli.options import read_length
from cli.output import complain, out, show_json, show_table
from cli.target import environment
from shared import wiring
from shared.clock import Deadline
from shared.prune import Pruned

# A person waits, and can interrupt it: what is removed by then is removed.
SECONDS = 86_400.0
COUNTS = ("entries", "heads", "duplicates", "kept")


def prune(
    older_than: Annotated[str, typer.Option(help="Not only older than LEDGER_RETENTION but this old: 365d.")] = "",
    dry_run: Annotated[bool, typer.Option(help="Only count what would go.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For scripts: what POST /api/prunes answers.")] = False,
) -> None:
    """Remove closed entries that are older than the retention and than what sweeps compare with.

    Each pass does the same by itself. Safe to interrupt and to repeat.
    """
    pruned = asyncio.run(_prune(read_length(older_than, "--older-than") if older_than else None, dry_run=dry_run))
    if json:
        show_json(pruned.as_json())
    else:
        _show(pruned)
    if pruned.failures:
        raise typer.Exit(1)


async def _prune(older_than: timedelta | None, *, dry_run: bool) -> Pruned:
    service = wiring.build(environment())
    try:
        standings = await service.bookkeeping.standings()
        deadline = Deadline(service.clock, SECONDS)
        return await service.pruner.prune(standings, deadline, older_than=older_than, dry_run=dry_run)
    finally:
        await service.close()


def _show(pruned: Pruned) -> None:
    if pruned.rules:
        rows = [(rule, *(counts[name] for name in COUNTS)) for rule, counts in pruned.rules.items()]
        title = "Would be removed" if pruned.dry_run else "Removed"
        show_table(title, ("rule", *COUNTS), rows, wide=("rule",))
    else:
        out.print("Nothing is old enough.")
    for rule, reason in pruned.failures.items():
        complain(f"{rule}: {reason}")
