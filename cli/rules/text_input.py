"""Text that a command is given as a file, or on standard input as `-`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from shared.errors import ConfigurationError, Fault

STANDARD_INPUT = "-"


def read_input(name: str) -> str:
    """Return the whole text; raises ConfigurationError when it cannot be read."""
    return "".join(text_lines(name))


def text_lines(name: str) -> Iterator[str]:
    r"""Yield the lines, each with its `\n`; raises ConfigurationError when they cannot be read."""
    try:
        opened = (
            nullcontext(sys.stdin) if name == STANDARD_INPUT else Path(name).open(encoding="utf-8-sig", newline="\n")  # noqa: SIM115 - closed by the `with` below
        )
        with opened as file:
            yield from file
    except OSError as error:
        raise ConfigurationError(name, [Fault(f"cannot be read: {error.strerror}.")]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(name, [Fault("is not UTF-8 text.")]) from error
