"""`landfall rules schema`: the JSON Schema of rules files, for editors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.output import talk
from cli.rules.check.findings import one_line
from cli.rules.schema.schema import schema_text


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it to this file.", dir_okay=False)
    ] = None,
) -> None:
    """Write the JSON Schema of rules files, which gives editors completion and checks while one types."""
    if output is None:
        sys.stdout.write(schema_text())
        return
    try:
        output.write_text(schema_text(), encoding="utf-8")
    except OSError as error:
        talk.print(f"{one_line(str(output))} cannot be written: {error.strerror}.", style="red", markup=False)
        raise typer.Exit(2) from None
