"""`landfall explain PATH`: what a path would do, and why it would not, by the code that decides in production."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import out, show_json, show_table
from shared.rules import Explanation, Rules
from shared.wiring import APP_ROOT, load_rules


def explain(
    path: Annotated[str, typer.Argument(help="container/path of a blob, such as landing/crm/2026-11-22/orders.csv")],
    rules: Annotated[Path, typer.Option(help="The rules file.")] = APP_ROOT / "rules.yaml",
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Say which rule a path matches, with its captures, or where each rule stops. Exit status 1 when none matches."""
    loaded = load_rules(rules)
    explanations = loaded.explain(path.lstrip("/"))
    winner = next((found for found in explanations if found.matched), None)
    if json:
        show_json([_as_json(found, loaded) for found in explanations])
    else:
        rows = [
            (found.rule, "matches" if found.matched else "no", found.reason or _captured(found))
            for found in explanations
        ]
        show_table(path, ("rule", "", "captures, or why not"), rows, wide=("captures, or why not",))
        if winner:
            out.print(f"{winner.rule} starts the job {_job(loaded, winner.rule)}.", markup=False)
        else:
            out.print("No rule matches: a file there starts nothing.")
    raise typer.Exit(0 if winner else 1)


def _captured(explanation: Explanation) -> str:
    if not explanation.captures:
        return "(no captures)"
    captures = explanation.captures
    return ", ".join(f"{name}={capture.text}" for name, capture in captures.items())


def _job(rules: Rules, name: str) -> str:
    rule = rules.by_name(name)
    return str(rule.job) if rule else ""


def _as_json(explanation: Explanation, rules: Rules) -> dict[str, object]:
    captures = explanation.captures
    return {
        "rule": explanation.rule,
        "matches": explanation.matched,
        "reason": explanation.reason or None,
        "captures": {name: capture.text for name, capture in captures.items()} if captures is not None else None,
        "job": _job(rules, explanation.rule),
    }
