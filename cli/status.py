"""`landfall status`: what the ledger holds, per rule."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

import typer

from cli.options import read_window
from cli.output import ago, out, show_json, show_table, talk
from cli.target import environment
from shared import wiring
from shared.model import Result, State
from shared.status import RuleStatus, Status

OPEN = (State.PENDING, State.DISPATCHING, State.SUBMITTED, State.HELD)


def status(
    window: Annotated[str, typer.Option(help="Count closed entries of this long, such as 90s, 48h or 7d.")] = "24h",
    json: Annotated[bool, typer.Option("--json", help="For scripts: what GET /api/status answers.")] = False,
) -> None:
    """Show each rule's counts by state, missed and duplicate arrivals, the oldest open entry and the last pass."""
    found = asyncio.run(_read(read_window(window)))
    if json:
        show_json(found.as_json())
        return
    show_table(f"Rules, the last {window}", _COLUMNS, _rows(found), wide=("rule", "waits for"))
    out.print(_last_pass(found))
    if found.rules_standing.problem:
        talk.print(_outdated(found), style="red", markup=False, soft_wrap=True)


_COLUMNS = ("rule", "open", "succeeded", "failed", "other", "dead", "missed", "duplicates", "oldest open", "waits for")


async def _read(window: timedelta) -> Status:
    service = wiring.build(environment())
    try:
        return await service.status.read(window)
    finally:
        await service.close()


def _rows(found: Status) -> Iterator[tuple[object, ...]]:
    for rule in found.rules:
        known = rule.results[Result.SUCCEEDED] + rule.results[Result.FAILED]
        yield (
            rule.rule if rule.active else f"{rule.rule} (no longer in the rules)",
            sum(rule.states[state] for state in OPEN),
            rule.results[Result.SUCCEEDED],
            rule.results[Result.FAILED],
            sum(rule.results.values()) - known,
            rule.states[State.DEAD],
            rule.missed,
            rule.duplicates,
            ago(rule.oldest_open, found.at),
            _breaker(rule),
        )


def _breaker(rule: RuleStatus) -> str:
    return rule.breaker.reason if rule.breaker else ""


def _last_pass(found: Status) -> str:
    last = found.last_pass
    if last is None:
        return "No reconcile pass yet: is the timer running?"
    when = ago(datetime.fromisoformat(last["started_at"]), found.at)
    failures = f", {len(last['failures'])} steps failed: {'; '.join(last['failures'])}" if last["failures"] else ""
    return f"Last pass {when} ago, {last['seconds']:.1f} s, {last['due']} entries due{failures}"


def _outdated(found: Status) -> str:
    standing = found.rules_standing
    if standing.loaded_at is None:
        return f"There are no rules in force.\n{standing.problem}"
    age = ago(standing.loaded_at, found.at)
    return f"The rules are not the newest: those loaded {age} ago stay in force.\n{standing.problem}"
