"""One log line per fact: `fact.name key=value key="quoted value"`.

The worker forwards only the formatted message to Application Insights, so fields live in the message and not in
`extra`. Values are quoted and escaped: a blob may be called anything, line breaks and fake fields included.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from shared.redaction import redacted

# Not below "azure.functions" or "azure_functions_worker": the worker takes those for its own and hides them.
logger = logging.getLogger("landfall")

LONGEST_VALUE = 300
_BARE = re.compile(r"[A-Za-z0-9_.:/@+-]+")


def fact(name: str, /, **fields: object) -> None:
    """Log one fact that has just become true; fields without a value (None) are left out."""
    _log(logging.INFO, name, fields)


def warning(name: str, /, **fields: object) -> None:
    """Log a fact that repairs itself, or that somebody may want to look at."""
    _log(logging.WARNING, name, fields)


def error(name: str, /, **fields: object) -> None:
    """Log a fact that a person should look at."""
    _log(logging.ERROR, name, fields)


def _log(level: int, name: str, fields: Mapping[str, object]) -> None:
    if logger.isEnabledFor(level):
        logger.log(level, "%s", line(name, **fields))


def line(name: str, /, **fields: object) -> str:
    """Return the log line of a fact: one line whatever the values hold."""
    return " ".join([name, *(f"{key}={quoted(value)}" for key, value in fields.items() if value is not None)])


def quoted(value: object) -> str:
    """Return a value that cannot be mistaken for another field or another line, cut to a bounded length."""
    text = _text(value)
    if len(text) > LONGEST_VALUE:
        text = redacted(text)  # half a secret would be known to nobody later
        text = f"{text[:LONGEST_VALUE]}…({len(text)} characters)"
    return text if _BARE.fullmatch(text) else f'"{printable(text)}"'


def printable(text: str) -> str:
    """Escape quotes, backslashes and everything invisible: controls, bidirectional marks, lone surrogates."""
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)


def hush_libraries() -> None:
    """Silence the line per HTTP request of httpx and the dozen of azure-core, which flood Application Insights.

    See https://github.com/Azure/azure-sdk-for-python/issues/33623. Safe to repeat.
    """
    for name in ("httpx", "httpcore", "azure.core.pipeline.policies.http_logging_policy", "azure.identity"):
        logging.getLogger(name).setLevel(logging.WARNING)
