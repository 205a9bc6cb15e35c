"""How notifications leave the workspace, as its owner decides, and the options that say so."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.notifications.destinations import is_loopback
from localdev.workspace.notifications.settings import is_address
from shared.secret import Secret

SENDER = "workspace@landfall.invalid"  # nobody's: https://www.rfc-editor.org/rfc/rfc2606#section-2


@dataclass(frozen=True, kw_only=True, slots=True)
class SmtpServer:
    """A mail server that takes messages."""

    host: str
    port: int
    username: str = ""  # empty: without signing in
    password: Secret = field(default_factory=lambda: Secret(""))
    starttls: bool = False
    authority: Path | None = None  # certificates to trust instead of the system's


@dataclass(frozen=True, kw_only=True, slots=True)
class NotificationOptions:
    """What the owner of a workspace decides about notifications."""

    smtp: SmtpServer | None = None  # None: messages become files in DATA/mail
    sender: str = SENDER
    allow_http: bool = False  # to hosts other than this machine


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options of notifications to a command."""
    group = parser.add_argument_group("notifications", "without --smtp, e-mails become files in DATA/mail")
    group.add_argument("--smtp", metavar="HOST:PORT", help="mail server that e-mails are given to")
    group.add_argument("--smtp-starttls", action="store_true", help="speak TLS with it, by STARTTLS")
    group.add_argument("--smtp-ca", type=Path, metavar="FILE", help="certificates (PEM) to trust for that")
    group.add_argument("--smtp-username", default="", metavar="NAME", help="name to sign in with")
    group.add_argument(
        "--smtp-password-file", type=Path, metavar="FILE", help="file with the password, and nothing else"
    )
    group.add_argument("--mail-from", default=SENDER, metavar="ADDRESS", help="sender of e-mails (%(default)s)")
    group.add_argument(
        "--allow-http-webhooks", action="store_true", help="let webhooks go to other machines without TLS"
    )


def read(asked: argparse.Namespace) -> NotificationOptions:
    """Return what a command line says; raises WorkspaceNotStarted."""
    if not is_address(asked.mail_from):
        raise WorkspaceNotStarted(f"--mail-from {asked.mail_from!r} is no e-mail address.")
    return NotificationOptions(smtp=_server(asked), sender=asked.mail_from, allow_http=asked.allow_http_webhooks)


def _server(asked: argparse.Namespace) -> SmtpServer | None:
    if asked.smtp is None:
        if asked.smtp_username or asked.smtp_password_file or asked.smtp_starttls or asked.smtp_ca:
            raise WorkspaceNotStarted("There is no mail server to sign in to.", hint="Add --smtp HOST:PORT.")
        return None
    host, port = _address(asked.smtp)
    if bool(asked.smtp_username) != (asked.smtp_password_file is not None):
        raise WorkspaceNotStarted("--smtp-username and --smtp-password-file belong together.")
    if asked.smtp_username and not asked.smtp_starttls and not is_loopback(host):
        raise WorkspaceNotStarted(
            "The password of the mail server would travel in the open.", hint="Add --smtp-starttls."
        )
    if asked.smtp_ca is not None and not asked.smtp_ca.is_file():
        raise WorkspaceNotStarted(f"The certificates {asked.smtp_ca} of --smtp-ca are not there.")
    return SmtpServer(
        host=host,
        port=port,
        username=asked.smtp_username,
        password=Secret("") if asked.smtp_password_file is None else _password(asked.smtp_password_file),
        starttls=asked.smtp_starttls,
        authority=asked.smtp_ca,
    )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise WorkspaceNotStarted(f"--smtp {text} is no HOST:PORT.", hint="Write it as in --smtp mail.example.com:587.")
    return host, int(port)


def _password(file: Path) -> Secret:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceNotStarted(f"The password file {file} cannot be read.") from error
    if not text:
        raise WorkspaceNotStarted(f"The password file {file} is empty.")
    return Secret(text)
