"""Where e-mails go when there is no mail server: a folder of .eml files, which every mail program opens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

from localdev.workspace.notifications.undelivered import TryLater


class MailFolder:
    """Keeps messages as files; one that comes twice replaces itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage, receivers: Sequence[str], delivery_id: str) -> None:
        """Write a message, wholly or not at all; raises TryLater when the disk is full, for one."""
        del receivers  # they are in the message
        try:
            await asyncio.to_thread(self._write, message, delivery_id)
        except OSError as error:
            raise TryLater(f"The mail folder cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _write(self, message: EmailMessage, delivery_id: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        happened_at = parsedate_to_datetime(message["Date"])
        file = self._folder / f"{happened_at:%Y%m%dT%H%M%SZ}-{delivery_id}.eml"
        draft = file.with_suffix(".part")
        draft.touch(mode=0o600)
        draft.write_bytes(bytes(message))
        draft.replace(file)
