"""The command: reads the status and shows all rules, or one of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from cli.options import read_window
from cli.output import show_json
from cli.status.detail import show_rule
from cli.status.overview import show_overview
from cli.target import environment
from shared import wiring
from shared.status import RuleStatus, Status
from shared.wording import unknown


def status(
    window: Annotated[str, typer.Option(help="Count closed entries of this long, such as 90s, 48h or 7d.")] = "24h",
    rule: Annotated[str, typer.Option(help="Everything about this rule.")] = "",
    json: Annotated[bool, typer.Option("--json", help="For scripts: what GET /api/status answers.")] = False,
) -> None:
    """Show what became of each rule's files, how many events were missed, and up to when nothing is missing."""
    found = asyncio.run(_read(read_window(window)))
    wanted = _wanted(found, rule) if rule else None
    if json:
        show_json((replace(found, rules=(wanted,)) if wanted else found).as_json())
    elif wanted:
        show_rule(found, wanted, window)
    else:
        show_overview(found, window)


async def _read(window: timedelta) -> Status:
    service = wiring.build(environment())
    try:
        return await service.status.read(window)
    finally:
        await service.close()


def _wanted(found: Status, name: str) -> RuleStatus:
    """Return the rule of that name, a present or a former one."""
    for rule in found.rules:
        if rule.rule == name:
            return rule
    for rule in found.rules:
        if name in rule.renamed_from:
            return rule
    sentence = unknown(name, [rule.rule for rule in found.rules], "is no rule that was ever in force")
    raise typer.BadParameter(sentence, param_hint="--rule")
