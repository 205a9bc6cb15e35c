"""The host's own log: one line per record on stderr, whatever the record holds, with the levels that host.json sets."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TextIO

from localdev.functions_host.invocation import running_function
from shared.logs import hush_libraries

HOST_LOGGER = "landfall_host"
_HOST = "Host.General"
_OUTSIDE = "Host.Function.Console"  # what an app logs while none of its functions runs
_DEFAULT_LEVEL = logging.INFO


class _Categories(logging.Filter):
    """Names each record's category as Azure does, and drops what host.json's logLevel leaves out."""

    def __init__(self, levels: Mapping[str, int], *, verbose: bool) -> None:
        super().__init__()
        self._levels = levels
        self._verbose = verbose
        self._known: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        category = getattr(record, "category", "") or _category(record)
        record.category = category
        return self._verbose or record.levelno >= self._level(category)

    def _level(self, category: str) -> int:
        """Return the level of the longest rule that begins the category."""
        if category not in self._known:
            names = [name for name in self._levels if category.lower().startswith(name)]
            rule = max(names, key=len, default="default")
            self._known[category] = self._levels.get(rule, _DEFAULT_LEVEL)
        return self._known[category]


class _OneLine(logging.Formatter):
    """A record is one line. Tracebacks come below it when asked for, each line marked as such."""

    def __init__(self, *, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        category = getattr(record, "category", record.name)
        head = f"{moment.removesuffix('+00:00')}Z {record.levelname:<8} {category} {visible(record.getMessage())}"
        return "\n".join([head, *self._traceback(record)])

    def _traceback(self, record: logging.LogRecord) -> Iterator[str]:
        if self._verbose and record.exc_info and record.exc_info[1]:
            for part in traceback.format_exception(record.exc_info[1]):
                for line in part.rstrip("\n").split("\n"):
                    yield f"    | {visible(line)}"


def visible(text: str) -> str:
    """Escape what is invisible in a line: line breaks, other controls, bidirectional marks, lone surrogates."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def log_to(stream: TextIO, levels: Mapping[str, int], *, verbose: bool, debug: bool) -> logging.Handler:
    """Log everything to a stream from now on; `debug` lets an app's DEBUG records through. Returns the handler.

    The worker's root logger takes INFO and up, or DEBUG with PYTHON_ENABLE_DEBUG_LOGGING.
    """
    handler = logging.StreamHandler(stream)
    handler.addFilter(_Categories(levels, verbose=verbose))
    handler.setFormatter(_OneLine(verbose=verbose))
    hush_libraries()  # the host polls queues itself
    logging.getLogger("uvicorn").setLevel(logging.INFO if verbose else logging.WARNING)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    return handler


def log_to_stderr(levels: Mapping[str, int], *, verbose: bool, debug: bool) -> logging.Handler:
    """Log to stderr from now on."""
    return log_to(sys.stderr, levels, verbose=verbose, debug=debug)


def _category(record: logging.LogRecord) -> str:
    if record.name == HOST_LOGGER or record.name.startswith("uvicorn"):
        return _HOST
    function = running_function.get()
    return f"Function.{function}.User" if function else _OUTSIDE
