"""`landfall rules diff`: which real arrivals other rules would send elsewhere."""

from __future__ import annotations

import asyncio
import json as json_text
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Annotated, Any

import typer

from cli.output import out, shortened, show_table, talk, visible
from cli.rules.diff.decisions import Change, Decision, differing_parameters
from cli.rules.diff.differences import Difference, Tally, compare
from cli.rules.diff.name_changes import NameChange, name_changes
from cli.rules.diff.sources import Arrivals, from_ledger, from_listing, from_paths
from cli.rules.text_input import STANDARD_INPUT, read_input
from cli.unusable import unusable_exits
from shared.durations import parse_duration
from shared.rules import Rules
from shared.rules_file import parse_rules

DEFAULT_WINDOW = "7d"
MOST_PARAMETERS_SHOWN = 3
PROGRESS_EVERY = 5_000

_Opener = Callable[[Rules, Rules], AbstractAsyncContextManager[Arrivals]]


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A rules file; `-` is standard input.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The rules file to compare with it; `-` likewise.")],
    *,
    ledger: Annotated[
        str, typer.Option("--from-ledger", metavar="WINDOW", help="What the ledger knows of so long; 7d by default.")
    ] = "",
    listing: Annotated[bool, typer.Option("--from-listing", help="What lies in the containers now.")] = False,
    paths: Annotated[
        str, typer.Option(metavar="FILE", help="One container/path a line, perhaps a tab and a size; `-` likewise.")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="Look at so many arrivals at most; 0 is no limit.")] = 0,
    show: Annotated[int, typer.Option(min=0, help="Show so many differences at most; all are counted.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="For scripts: a line for each difference, then counts.")] = False,
) -> None:
    """Show which arrivals NEW would route differently than OLD, by the code that routes them in production.

    It also tells which rules would lose their entries because of their names. Exit status 0 without differences, 1 with
    some, 2 when something cannot be used.
    """
    opener = _opener(ledger, paths, is_listing=listing)
    if [old, new, paths].count(STANDARD_INPUT) > 1:
        raise typer.BadParameter("only one of OLD, NEW and --paths can be standard input")
    rows: list[Difference] = []

    def keep(difference: Difference) -> None:
        if len(rows) < show:
            rows.append(difference)

    with unusable_exits():
        rules = _rules(old), _rules(new)
        tally, names = asyncio.run(_compared(*rules, opener, limit, _write_difference if json else keep))
    if json:
        told = [{"level": each.level, "rule": each.rule, "says": each.says} for each in names]
        _write({"counts": {change.value: tally.counts[change] for change in Change}, "names": told})
    else:
        _show(tally, rows, names)
    raise typer.Exit(1 if tally.differing or names else 0)


def _opener(ledger: str, paths: str, *, is_listing: bool) -> _Opener:
    """Return how to get the arrivals that were asked for."""
    if [bool(ledger), bool(paths), is_listing].count(True) > 1:
        raise typer.BadParameter("give one of --from-ledger, --from-listing and --paths")
    if paths:
        return lambda _old, _new: from_paths(paths)
    if is_listing:
        return from_listing
    try:
        window = parse_duration(ledger or DEFAULT_WINDOW)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--from-ledger") from None
    return lambda old, new: from_ledger(old, new, window)


def _rules(name: str) -> Rules:
    return parse_rules(read_input(name), "standard input" if name == STANDARD_INPUT else name)


async def _compared(
    old: Rules, new: Rules, opener: _Opener, limit: int, tell: Callable[[Difference], None]
) -> tuple[Tally, list[NameChange]]:
    tally = Tally()
    with talk.status("Comparing ...") as status:
        async with (
            opener(old, new) as arrivals,
            aclosing(compare(old, new, arrivals.each, arrivals.locations, tell)) as tallies,
        ):
            async for tally in tallies:
                if tally.total % PROGRESS_EVERY == 0:
                    status.update(f"Compared {tally.total:,} arrivals, {tally.differing:,} differ ...")
                if tally.total == limit:
                    talk.print(f"Stopped at --limit {limit}: there may be more arrivals.")
                    break
    return tally, name_changes(old, new, arrivals.seen)


def _show(tally: Tally, rows: list[Difference], names: list[NameChange]) -> None:
    if rows:
        table = [
            (shortened(row.arrival.full_path), row.change.value, _named(row.old), _named(row.new), _details(row))
            for row in rows
        ]
        columns = ("file", "change", "old", "new", "what differs")
        show_table("Arrivals that differ", columns, table, wide=("file", "old", "new", "what differs"))
    if tally.differing > len(rows):
        out.print(f"{tally.differing - len(rows):,} more are not shown; --show N shows more, --json all.")
    for each in names:
        out.print(f"{each.level}: {visible(each.says)}", soft_wrap=True)
    if not tally.total:
        out.print("There was no arrival to compare: this says nothing about the rules.")
        return
    counts = ", ".join(f"{tally.counts[change]:,} {change.value}" for change in Change)
    out.print(f"{tally.total:,} arrival{'' if tally.total == 1 else 's'}: {counts}.")


def _named(decided: tuple[Decision, ...]) -> str:
    return ", ".join(f"{each.rule} ({each.job})" for each in decided) or "no rule"


def _details(row: Difference) -> str:
    if row.change is Change.HANDLING:
        return "; ".join(
            f"{one.handling or 'runs'} -> {other.handling or 'runs'}"
            for one, other in zip(row.old, row.new, strict=True)
            if one.handling != other.handling
        )
    if row.change is Change.PARAMETERS:
        found = [*_parameters(row)]
        told = [f"{place}: {before or '(none)'} -> {after or '(none)'}" for place, before, after in found]
        more = [f"and {len(told) - MOST_PARAMETERS_SHOWN} more"] if len(told) > MOST_PARAMETERS_SHOWN else []
        return "; ".join(told[:MOST_PARAMETERS_SHOWN] + more)
    return ""


def _parameters(row: Difference) -> Iterator[tuple[str, str, str]]:
    for one, other in zip(row.old, row.new, strict=False):
        if one.ledger_name == other.ledger_name:
            yield from differing_parameters(one, other)


def _write_difference(row: Difference) -> None:
    _write(
        {
            "file": row.arrival.full_path,
            "version": row.arrival.version,
            "change": row.change,
            "old": [*map(_as_json, row.old)],
            "new": [*map(_as_json, row.new)],
        }
    )


def _as_json(decided: Decision) -> dict[str, Any]:
    return {
        "rule": decided.rule,
        "job": decided.job,
        "parameters": decided.parameters,
        "handling": decided.handling or None,
    }


def _write(value: object) -> None:
    # ASCII only: a path may hold what no terminal or file could take.
    sys.stdout.write(json_text.dumps(value) + "\n")
