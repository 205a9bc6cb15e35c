"""What the command line says about notifications."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.notifications import options
from localdev.workspace.notifications.options import NotificationOptions, SmtpServer
from shared.secret import Secret


def read(*arguments: str) -> NotificationOptions:
    """Return what a command line says."""
    parser = argparse.ArgumentParser()
    options.add_to(parser)
    return options.read(parser.parse_args(arguments))


def test_nothing_said_is_a_folder() -> None:
    """No mail server, and no webhooks without TLS."""
    assert read() == NotificationOptions(smtp=None, sender="workspace@landfall.invalid", allow_http=False)


def test_mail_server_is_said_in_full(tmp_path: Path) -> None:
    """Address, TLS, name, and the password from a file."""
    (tmp_path / "password").write_text("canary\n")
    (tmp_path / "ca.pem").write_text("")
    signed_in = ["--smtp-username", "me", "--smtp-password-file", str(tmp_path / "password")]
    more = ["--smtp-starttls", "--smtp-ca", str(tmp_path / "ca.pem"), "--mail-from", "jobs@company.com"]

    found = read("--smtp", "mail.company.com:587", *signed_in, *more, "--allow-http-webhooks")

    assert found.smtp == SmtpServer(
        host="mail.company.com",
        port=587,
        username="me",
        password=Secret("canary"),
        starttls=True,
        authority=tmp_path / "ca.pem",
    )
    assert (found.sender, found.allow_http) == ("jobs@company.com", True)
    assert "canary" not in repr(found)


def test_addresses_of_version_six_have_brackets() -> None:
    """As in a URL."""
    found = read("--smtp", "[::1]:25")

    assert found.smtp is not None
    assert (found.smtp.host, found.smtp.port) == ("::1", 25)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--smtp", "mail.company.com"], "is no HOST:PORT"),
        (["--smtp", ":25"], "is no HOST:PORT"),
        (["--smtp", "mail:70000"], "is no HOST:PORT"),
        (["--smtp-starttls"], "Add --smtp HOST:PORT"),
        (["--smtp", "localhost:25", "--smtp-username", "me"], "belong together"),
        (["--smtp", "localhost:25", "--smtp-ca", "/nowhere/ca.pem"], "are not there"),
        (["--mail-from", "Jobs <jobs@company.com>"], "is no e-mail address"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], words: str) -> None:
    """Before anything starts."""
    with pytest.raises(WorkspaceNotStarted, match=words):
        read(*arguments)


def test_password_does_not_travel_in_the_open(tmp_path: Path) -> None:
    """Signing in to another machine needs TLS; to this one it does not."""
    (tmp_path / "password").write_text("canary")
    signed_in = ["--smtp-username", "me", "--smtp-password-file", str(tmp_path / "password")]

    with pytest.raises(WorkspaceNotStarted, match="Add --smtp-starttls"):
        read("--smtp", "mail.company.com:25", *signed_in)
    assert read("--smtp", "127.0.0.1:25", *signed_in).smtp is not None


@pytest.mark.parametrize("content", [None, " \n"])
def test_password_file_holds_a_password(tmp_path: Path, content: str | None) -> None:
    """The error names the file."""
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)

    with pytest.raises(WorkspaceNotStarted, match="password"):
        read("--smtp", "localhost:25", "--smtp-username", "me", "--smtp-password-file", str(file))
