"""E-mails to a mail server, with the standard library's client in a thread of its own."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage

from localdev.workspace.notifications.options import SmtpServer
from localdev.workspace.notifications.undelivered import NeverAgain, TryLater
from shared.logs import warning

SECONDS = 10.0  # for each answer of the server
LONGEST = 30.0  # seconds for a whole message: a server that answers byte by byte is as good as dead


class _Client(smtplib.SMTP):
    """A client that exists before it is connected, so that it can be broken off while it connects."""

    def __init__(self, host: str, seconds: float) -> None:
        super().__init__(timeout=seconds)
        self._host = host  # the name that STARTTLS checks the certificate for; only SMTP.__init__ would set it


class SmtpCarrier:
    """Gives each message to a mail server in a connection of its own."""

    def __init__(self, server: SmtpServer, sender: str, *, seconds: float = SECONDS, longest: float = LONGEST) -> None:
        self._server = server
        self._sender = sender
        self._seconds = seconds
        self._longest = longest
        self._one_at_a_time = asyncio.Lock()
        self._open: set[smtplib.SMTP] = set()

    async def send(self, message: EmailMessage, receivers: Sequence[str], delivery_id: str) -> None:
        """Send a message; raises TryLater or NeverAgain, as the server says (4xx or 5xx) of this message.

        What the owner can put right, such as a wrong password, is worth another try. Once one receiver is accepted the
        message has been sent: to try it again would tell that one twice.
        """
        try:
            async with self._one_at_a_time:
                refused = await self._sent(message, receivers)
        except smtplib.SMTPRecipientsRefused as error:
            raise _answered(max(code for code, _ in error.recipients.values())) from error
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as error:
            raise TryLater("The mail server does not let the workspace sign in, or not in this way") from error
        except smtplib.SMTPResponseException as error:
            raise _answered(error.smtp_code) from error
        except (OSError, smtplib.SMTPException) as error:
            raise TryLater(f"The mail server could not be spoken to: {type(error).__name__}") from error
        if refused:
            warning("workspace.mail_refused_in_part", delivery=delivery_id, refused=len(refused))

    def close(self) -> None:
        """Break what is under way, so that no thread waits for a server that does not answer."""
        for client in list(self._open):
            with suppress(OSError):
                if client.sock is not None:
                    client.sock.shutdown(socket.SHUT_RDWR)

    async def _sent(self, message: EmailMessage, receivers: Sequence[str]) -> dict[str, tuple[int, bytes]]:
        try:
            async with asyncio.timeout(self._longest):
                return await asyncio.to_thread(self._send, message, receivers)
        except (TimeoutError, asyncio.CancelledError):
            self.close()
            raise

    def _send(self, message: EmailMessage, receivers: Sequence[str]) -> dict[str, tuple[int, bytes]]:
        client = _Client(self._server.host, self._seconds)
        self._open.add(client)
        try:
            client.connect(self._server.host, self._server.port)
            if self._server.starttls:
                client.starttls(context=ssl.create_default_context(cafile=self._server.authority))
            if self._server.username:
                client.login(self._server.username, self._server.password.reveal())
            refused = client.send_message(message, self._sender, list(receivers))
            with suppress(OSError, smtplib.SMTPException):
                client.quit()  # the message has been taken; how the server says goodbye is its own affair
            return refused
        finally:
            self._open.discard(client)
            client.close()


def _answered(code: int) -> NeverAgain | TryLater:
    """Return what an answer means: 5yz is for good. https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1."""
    message = f"The mail server answered {code}"
    return NeverAgain(message) if 500 <= code < 600 else TryLater(message)
