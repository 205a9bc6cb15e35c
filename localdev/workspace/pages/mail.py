"""The messages that the workspace's mail sink has kept: files of one message each in `DATA/mail`."""

from __future__ import annotations

import email
import email.policy
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from localdev.workspace.pages.text import Excerpt, beginning

SUFFIX = ".eml"
MOST_MESSAGES = 100
LARGEST_MESSAGE = 256 * 1024  # bytes of a message that are read
LONGEST_BODY = 32 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message."""

    name: str  # of its file
    kept_at: datetime
    sender: str
    recipients: str
    subject: str
    body: Excerpt


class Mailbox:
    """Reads the folder of the sink, which need not be there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def latest(self) -> list[Message]:
        """Return the newest messages, newest first."""
        return [_read(file) for file in self._files()[:MOST_MESSAGES]]

    def get(self, name: str) -> Message | None:
        """Return one message; only the name of a file that is in the folder is one."""
        return next((_read(file) for file in self._files() if file.name == name), None)

    def _files(self) -> list[Path]:
        try:
            entries = [entry for entry in os.scandir(self._folder) if entry.name.endswith(SUFFIX)]
            found = [(entry.stat(follow_symlinks=False), entry) for entry in entries]
        except OSError:
            return []
        regular = [(status.st_mtime_ns, entry.name) for status, entry in found if stat.S_ISREG(status.st_mode)]
        return [self._folder / name for _, name in sorted(regular, reverse=True)]


def _read(file: Path) -> Message:
    with file.open("rb") as stream:
        kept_at = datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC)
        message = _parsed(stream.read(LARGEST_MESSAGE))
    return Message(
        name=file.name,
        kept_at=kept_at,
        sender=_header(message, "from"),
        recipients=_header(message, "to"),
        subject=_header(message, "subject"),
        body=beginning(_body(message), LONGEST_BODY),
    )


def _parsed(content: bytes) -> EmailMessage:
    """Return a message; one of parts inside of parts, without end, is none."""
    try:
        return email.message_from_bytes(content, policy=email.policy.default)
    except RecursionError:
        return EmailMessage()


def _header(message: EmailMessage, name: str) -> str:
    """Return a header's text, or what it is instead when somebody broke it."""
    try:
        return str(message.get(name, ""))
    except (ValueError, LookupError, IndexError, AttributeError):  # the parser's own, for malformed headers
        return "(unreadable)"


def _body(message: EmailMessage) -> str:
    """Return the text of a message, or its HTML as source: nothing that was sent is ever drawn."""
    try:
        part = message.get_body(preferencelist=("plain", "html"))
        return "" if part is None else str(part.get_content())
    except (ValueError, LookupError, AttributeError):
        return "(unreadable)"
