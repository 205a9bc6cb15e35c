"""`landfall rules check`: what is wrong with rules files, before they are used."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli.output import talk
from cli.rules.check.check import Check, Checked
from cli.rules.check.findings import Finding, Level, in_order, one_line
from cli.rules.check.reports import Format, counts, write
from cli.rules.check.track import track_on_terminal
from cli.rules.check.workspace import configured, landing_account, open_workspace
from shared.errors import ConfigurationError
from shared.settings import Settings
from shared.wiring import APP_ROOT

STANDARD_INPUT = "-"
_STANDARD_INPUT_NAME = "<stdin>"


def check(
    files: Annotated[
        list[str] | None, typer.Argument(help="Rules files; `-` is standard input. Without any: the app's rules.yaml.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How findings are written.")] = Format.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 for warnings too.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the workspace about jobs.")] = False,
) -> None:
    """Find what is wrong with rules: faults, failing examples, rules that take paths from others, loops, jobs.

    Exit status 0: nothing wrong; 1: errors (with --strict warnings too); 2: it could not be checked.
    """
    sources = [_read(file) for file in files or [_default()]]
    checked = asyncio.run(_check(sources, offline=offline))
    write(form, checked, sys.stdout.write)
    found = counts([finding for each in checked for finding in each.findings])
    if form is Format.TEXT:
        talk.print(_summary(checked, found), markup=False)
    raise typer.Exit(1 if found[Level.ERROR] or (strict and found[Level.WARNING]) else 0)


def _default() -> str:
    path = APP_ROOT / "rules.yaml"
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _read(file: str) -> tuple[str, str]:
    """Return how a file is called in findings, and its text; ends the command with status 2 when it cannot be read."""
    try:
        if file == STANDARD_INPUT:
            return _STANDARD_INPUT_NAME, sys.stdin.buffer.read().decode("utf-8-sig")
        return file, Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        talk.print(f"{one_line(file)} cannot be read: {reason}.", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


async def _check(sources: Sequence[tuple[str, str]], *, offline: bool) -> list[Checked]:
    faults: list[str] = []
    settings = None if offline else _settings(faults)
    account = landing_account(settings, os.environ)
    checks = [Check(text, file, account=account, track=track_on_terminal) for file, text in sources]
    for each in checks:
        each.offline()
    if settings is not None:
        async with open_workspace(settings.databricks) as workspace:
            for each in checks:
                await each.jobs(workspace)
    checked = [each.result for each in checks]
    for fault in faults:
        finding = Finding(code="workspace-unread", message=fault, file=checked[0].file)
        checked[0].findings = [*in_order([*checked[0].findings, finding])]
    return checked


def _settings(faults: list[str]) -> Settings | None:
    """Return the settings of a configured workspace; what is wrong with them is noted."""
    try:
        return configured()
    except ConfigurationError as error:
        faults.append(f"The workspace's settings cannot be used: {' '.join(fault.message for fault in error.faults)}")
        return None


def _summary(checked: Sequence[Checked], found: dict[Level, int]) -> str:
    rules = sum(each.rules for each in checked)
    says = ", ".join(f"{count:,} {level}{'' if count == 1 else 's'}" for level, count in found.items() if count)
    return f"{rules:,} rule{'' if rules == 1 else 's'} checked: {says or 'nothing to say'}."
