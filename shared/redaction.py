"""The last net under secrets: what goes out as text loses those that we hold and whatever looks like one.

Nothing of ours puts a secret into a text. But an exception of a library may, and a server may repeat what it was sent.
"""

from __future__ import annotations

import base64
import logging
import re
import traceback
from collections.abc import Callable, Iterable
from urllib.parse import quote

from shared.errors import LandfallError

HIDDEN = "***"
# A shorter one would blank out words of our own sentences, and is no secret worth the name.
SHORTEST = 8

_held: set[str] = set()
_pattern: re.Pattern[str] | None = None

# Each keeps what tells the reader which kind it was. Signatures: https://learn.microsoft.com/rest/api/storageservices/create-service-sas
_SHAPES = re.compile(
    r"""
    (?P<named>
        (?<![A-Za-z0-9])(?:sig|AccountKey|SharedAccess(?:Key|Signature)|access_token|client_secret|password)
        (?:=|["']\s?:\s?["'])
      | [?&]code=
      | (?<![A-Za-z0-9])(?:Bearer|Basic|SharedKey(?:Lite)?)\s(?=[^\s"']{16})
      | x-functions-key["']?[=:,]\s?["']?
      | ://[^\s/@:"']{0,200}:(?=[^\s/@"']{1,200}@)
    )
    (?P<value>[^\s"'&;,<>@]{6,})
    | (?<![A-Za-z0-9])(?P<token>dapi[0-9a-f]{32}(?:-[0-9])?|eyJ[\w-]{10,4000}\.[\w-]{10,4000}\.[\w-]{0,4000})
    """,
    re.VERBOSE | re.IGNORECASE,
)


def hold(secrets: Iterable[str]) -> None:
    """Take these out of every text from now on, also as they look in an address and in base64. Safe to repeat."""
    global _pattern  # noqa: PLW0603 - one process has one set of secrets
    for secret in secrets:
        if len(secret) >= SHORTEST:
            quoted = {quote(secret, safe=kept, errors="replace") for kept in ("", "/")}
            _held.update({secret, _base64(secret), *quoted})
    longest_first = sorted(_held, key=len, reverse=True)
    _pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def redacted(text: str) -> str:
    """Return a text without the secrets that we hold, and without what looks like one."""
    if _pattern is not None:
        text = _pattern.sub(HIDDEN, text)
    return _SHAPES.sub(_without_value, text)


def told(error: Exception) -> str:
    """Return what may be told of an error: ours in its own words, what nobody expected as it looks, without secrets."""
    return str(error) if isinstance(error, LandfallError) else redacted(repr(error))


def guard_logs() -> None:
    """Redact every log record of the process, of whatever library, with its traceback. Safe to repeat.

    A record factory, because a filter of a logger does not see the records of the loggers below it, and the handler
    is the worker's.
    """
    make = logging.getLogRecordFactory()
    if not getattr(make, "is_guarded", False):
        logging.setLogRecordFactory(_Guarded(make))


class _Guarded:
    """Makes log records, and takes out of them what must not be shown."""

    is_guarded = True

    def __init__(self, make: Callable[..., logging.LogRecord]) -> None:
        self._make = make

    def __call__(self, *arguments: object, **named: object) -> logging.LogRecord:
        record = self._make(*arguments, **named)
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - a record whose arguments do not fit is told by the handler, as ever
            return record
        shown = redacted(message)
        if shown != message:
            record.msg, record.args = shown, ()
        if record.exc_info and record.exc_info[1] is not None:
            told = "".join(traceback.format_exception(record.exc_info[1])).rstrip("\n")
            if redacted(told) != told:
                record.exc_text = redacted(told)  # formatters take this where it is there
        return record


def _without_value(found: re.Match[str]) -> str:
    return HIDDEN if found["token"] else f"{found['named']}{HIDDEN}"


def _base64(secret: str) -> str:
    return base64.b64encode(secret.encode("utf-8", "replace")).decode("ascii")
