"""`landfall demo`: real files, real jobs, and everything that goes wrong with events, in about half a minute."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.demo.plan import PLAN, fault_plan
from cli.demo.play import Player
from cli.demo.report import Report, report_of
from cli.output import out, show_json, show_table, talk
from cli.status.wording import percent
from localdev.stack import Stack, StackOptions
from shared.wiring import APP_ROOT

SECONDS = 100.0
# Azure waits minutes where the demo waits seconds; the code is the same.
SETTINGS = {
    "RECONCILE_SCHEDULE": "*/2 * * * * *",
    "RECONCILE_GRACE": "8s",
    "RECONCILE_LOOK_BACK": "1h",
    "SETTLE_INTERVAL": "1s",
    "DISPATCH_LEASE": "25s",
}


def demo(
    events: Annotated[str, typer.Option(help="Schema of the events: eventgrid or cloudevents.")] = "eventgrid",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the state and the logs, and say where.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Drop real files, lose, repeat and damage events, and show that each file ran exactly once.

    Exit status 0 only if every file, run and result is as it must be.
    """
    if events not in {"eventgrid", "cloudevents"}:
        raise typer.BadParameter(f"{events!r} is none of eventgrid, cloudevents", param_hint="--events")
    state = Path(tempfile.mkdtemp(prefix="landfall-demo-"))
    report: Report | None = None
    try:
        report = _play(options(state, events))
    finally:
        if keep or report is None or report.faults:
            talk.print(f"State and logs are in {state}", markup=False, soft_wrap=True)
        else:
            shutil.rmtree(state)
    _show(report, json=json)
    raise typer.Exit(1 if report.faults else 0)


def options(state: Path, events: str) -> StackOptions:
    """Return the stack that the demo plays on."""
    return StackOptions(
        state=state,
        rules=APP_ROOT / "samples" / "rules.yaml",
        schema=events,
        settings=SETTINGS,
        fault_plan=fault_plan(),
    )


def _play(stack_options: StackOptions) -> Report:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=talk, transient=True) as progress:
        task = progress.add_task("Starting", total=None)
        with Stack(stack_options, say=lambda text: progress.update(task, description=f"Starting: {text}")) as stack:
            progress.update(task, description="Files settled", total=len(PLAN), completed=0)
            player = Player(stack.environment, seconds=SECONDS)
            return report_of(player.play(lambda done, of: progress.update(task, completed=done, total=of)))


def _show(report: Report, *, json: bool) -> None:
    if json:
        show_json(asdict(report))
        return
    rows = [
        (
            row.file.removeprefix("landing/"),
            row.rule,
            row.found_by,
            row.run,
            row.result,
            row.seconds_to_start,
            row.seconds_to_result,
            row.note,
        )
        for row in report.rows
    ]
    columns = ("file", "rule", "found by", "run", "result", "s to start", "s to result", "what happened to it")
    show_table("What landed in the container `landing`", columns, rows, wide=("file", "what happened to it"))
    rate = "" if report.missed_rate is None else f", missed-event rate {percent(report.missed_rate)}"
    out.print("\n" + ", ".join(f"{name} {number}" for name, number in report.totals.items()) + rate)
    for fault in report.faults:
        out.print(f"NOT AS EXPECTED: {fault}", style="red", markup=False)
    if not report.faults:
        out.print("Every file ran exactly once, and every result is as expected.", style="green")
