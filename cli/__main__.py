"""`landfall`: the command line. Every command says `--help`; data goes to standard output, talk to standard error."""

from __future__ import annotations

import sys

import typer

from cli.backfill.command import backfill
from cli.demo.command import demo
from cli.drop import drop
from cli.explain.command import explain
from cli.jobs.command import jobs
from cli.output import complain, talk
from cli.prune import prune
from cli.replay import replay
from cli.rules.command import rules
from cli.runs import runs
from cli.status import status
from cli.up import up
from shared.errors import LandfallError

app = typer.Typer(
    name="landfall",
    help="Start a Databricks job the moment its file lands in Azure Blob Storage, exactly once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (up, drop, explain, status, runs, backfill, replay, prune, demo):
    app.command()(command)
app.add_typer(rules, name="rules")
app.add_typer(jobs, name="jobs")


def main() -> None:
    """Run the command line; every expected error is one message and exit status 1, without a traceback."""
    try:
        app()
    except LandfallError as error:
        complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        talk.print("Stopped.")
        sys.exit(130)


if __name__ == "__main__":
    main()
