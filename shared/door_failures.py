"""What leaves a door when something fails behind it: what a person may read, and nothing of what a library said.

The Functions host writes the text of an exception, and of all that caused it, into its own log and into its answer to
Event Grid (https://github.com/Azure/azure-functions-eventgrid-extension): no log filter of ours sees that text.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from shared import logs
from shared.errors import LandfallError, Unexpected
from shared.redaction import redacted

_FRAMES = 5


@contextmanager
def failing_discreetly(door: str) -> Iterator[None]:
    """Let an expected error through without its causes; raise Unexpected in place of any other, which is logged."""
    try:
        yield
    except LandfallError as error:
        if redacted(str(error)) != str(error):
            raise LandfallError(redacted(str(error))) from None
        raise error from None
    except Exception as error:  # noqa: BLE001 - whatever it is, its text is not for everybody
        raise unexpected(door, error) from None


def unexpected(door: str, error: Exception) -> Unexpected:
    """Log an error that nobody expects, on one line, and return what may be told of it."""
    logs.error("door.failed", door=door, why=type(error).__name__, at=_place(error), reason=redacted(str(error)))
    return Unexpected(f"{door} failed: {type(error).__name__}.", hint="The log says where, as door.failed.")


def _place(error: Exception) -> str:
    """Return the last frames of a traceback, the innermost first."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-_FRAMES:])
    return " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames)
