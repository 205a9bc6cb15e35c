"""`landfall rules`: the tools around rules files."""

from __future__ import annotations

import typer

from cli.rules.check.command import check
from cli.rules.diff.command import diff
from cli.rules.filter.command import filter_
from cli.rules.schema.command import schema

rules = typer.Typer(
    name="rules",
    help="Check rules, compare two versions of them, and make what Azure and editors need from them.",
    no_args_is_help=True,
)
rules.command()(check)
rules.command()(diff)
rules.command("filter")(filter_)
rules.command()(schema)
