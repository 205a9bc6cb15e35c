"""The exit status of commands whose status 1 means something else: 2 for what cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from cli.output import complain
from shared.errors import LandfallError

UNUSABLE = 2


@contextmanager
def unusable_exits() -> Iterator[None]:
    """Say what an expected error says and leave the command with status 2."""
    try:
        yield
    except LandfallError as error:
        complain(str(error))
        raise typer.Exit(UNUSABLE) from None
