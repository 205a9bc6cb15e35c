"""`landfall replay`: open entries again that ended without what they were for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.options import read_moment
from cli.output import out, shortened, show_json, show_table, talk, visible
from cli.person import person
from cli.target import environment
from shared import wiring
from shared.clock import Deadline
from shared.replay import Replayed
from shared.replay_request import DEFAULT_LIMIT, DEFAULT_STATES, HIGHEST_LIMIT, ReplayRequest

# Enough for the highest limit; what is not opened by then is named as `more`.
SECONDS = 600.0


def replay(
    entry: Annotated[str, typer.Argument(help="The first digits of an entry's key, as the log shows them.")] = "",
    *,
    rule: Annotated[str, typer.Option(help="All entries of this rule, or of the one that was called so.")] = "",
    state: Annotated[
        list[str] | None, typer.Option(help="That ended so: dead, failed, cancelled, unknown or vanished; repeatable.")
    ] = None,
    since: Annotated[str, typer.Option(help="That landed from then on: 2h, 7d, 2026-11-22T10:00.")] = "",
    until: Annotated[str, typer.Option(help="And before then.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=HIGHEST_LIMIT, help="The oldest so many.")] = DEFAULT_LIMIT,
    anew: Annotated[bool, typer.Option(help="Tell the job what the rules in force say, not what they said.")] = False,
    start: Annotated[bool, typer.Option(help="Start them now; otherwise the next pass does.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say which.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For scripts: what POST /api/replays answers.")] = False,
) -> None:
    """Open an entry again, or many of a rule, as a new generation: Databricks starts another run for each.

    Dead and failed ones unless --state says otherwise. Safe to repeat: what is open already is left alone.
    """
    now = datetime.now(UTC)
    request = ReplayRequest(
        asked_by=person(),
        entry=entry.lower(),
        rule=rule,
        states=tuple(state) if state else DEFAULT_STATES,
        since=read_moment(since, now, "--since"),
        until=read_moment(until, now, "--until"),
        limit=limit,
        anew=anew,
        dry_run=dry_run,
    )
    if not (entry or dry_run or yes):
        expected = asyncio.run(_replay(replace(request, dry_run=True), start=False))
        _show(expected, talking=json)
        if not expected.reopened:
            return
        typer.confirm(f"Open {len(expected.reopened)} entries again?", abort=True, err=True)
    replayed = asyncio.run(_replay(request, start=start))
    if json:
        show_json(replayed.as_json())
    else:
        _show(replayed)
    if entry and not replayed.reopened and not replayed.counts["open"]:
        raise typer.Exit(1)


async def _replay(request: ReplayRequest, *, start: bool) -> Replayed:
    service = wiring.build(environment())
    try:
        replayed = await service.replayer.replay(request, Deadline(service.clock, SECONDS))
        if start:
            started = await service.redriver.redrive(replayed.markers, Deadline(service.clock, SECONDS))
            for outcome, count in started.items():
                talk.print(f"{count} now {outcome}.")
        return replayed
    finally:
        await service.close()


def _show(replayed: Replayed, *, talking: bool = False) -> None:
    """Show the outcome; with `talking` only what is said, so that standard output stays one JSON document."""
    if replayed.reopened and not talking:
        title = "Would be opened again" if replayed.dry_run else "Open again"
        rows = [(one.key[:12], one.rule, shortened(one.arrival.full_path), one.generation) for one in replayed.reopened]
        show_table(title, ("entry", "rule", "file", "generation"), rows, wide=("file",))
    for one in replayed.refused:
        told = f"{one.entry.key[:12]} ({shortened(one.entry.arrival.full_path)!r}) stays as it is: {one.reason}."
        talk.print(visible(told), soft_wrap=True)
    (talk if talking else out).print(_summary(replayed))


def _summary(replayed: Replayed) -> str:
    said = [f"{len(replayed.reopened)} {'would be opened again' if replayed.dry_run else 'open again'}"]
    said += [f"{replayed.counts['open']} open already"] if replayed.counts["open"] else []
    said += [f"{replayed.counts['moved']} changed meanwhile"] if replayed.counts["moved"] else []
    said += [f"{len(replayed.refused)} refused"] if replayed.refused else []
    if replayed.more:
        said.append("and there are more" if replayed.dry_run else "there are more: repeat it for the rest")
    return f"{', '.join(said)}."
