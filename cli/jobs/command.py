"""`landfall jobs`: the tools around jobs."""

from __future__ import annotations

import typer

from cli.jobs.apply import apply
from cli.jobs.check import check
from cli.jobs.export import export

jobs = typer.Typer(
    name="jobs",
    help="Create and update jobs from files, find what is wrong with them, and write them as files.",
    no_args_is_help=True,
)
jobs.command()(apply)
jobs.command()(check)
jobs.command()(export)
