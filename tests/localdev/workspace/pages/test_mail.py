"""The messages of the mail folder."""

from __future__ import annotations

import email.policy
import os
from email.message import EmailMessage
from pathlib import Path

import pytest

from localdev.workspace.pages.mail import LARGEST_MESSAGE, MOST_MESSAGES, Mailbox
from tests.localdev.workspace.kit import Workspace
from tests.localdev.workspace.pages.page_kit import page_of


def keep(folder: Path, name: str, subject: str, body: str = "It failed.", subtype: str = "plain") -> Path:
    """Write a message as the workspace does."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "workspace@localhost", "team@company.com"
    message.set_content(body, subtype=subtype)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(message.as_bytes(policy=email.policy.SMTP))  # with CR LF, as mail is
    return file


def test_messages_are_listed_newest_first(tmp_path: Path) -> None:
    """By when they were kept, whatever their names; drafts are none."""
    for age, name in enumerate(("b.eml", "a.eml", "c.eml")):
        os.utime(keep(tmp_path, name, f"age {age}"), (1_000_000 - age, 1_000_000 - age))
    keep(tmp_path, "d.part", "unfinished")

    messages = Mailbox(tmp_path).latest()

    assert [(each.name, each.subject) for each in messages] == [
        ("b.eml", "age 0"),
        ("a.eml", "age 1"),
        ("c.eml", "age 2"),
    ]
    assert (messages[0].sender, messages[0].recipients) == ("workspace@localhost", "team@company.com")
    assert messages[0].body.text.splitlines() == ["It failed."]


def test_missing_folder_is_an_empty_one(tmp_path: Path) -> None:
    """Nobody has been written to yet."""
    assert Mailbox(tmp_path / "mail").latest() == []


@pytest.mark.parametrize("name", ["../secret.eml", "/etc/passwd", ".", "", "link.eml", "pipe.eml", "folder.eml"])
def test_only_files_of_the_folder_are_messages(tmp_path: Path, name: str) -> None:
    """No name leads out of it, and nothing is opened that would wait for a writer."""
    folder = tmp_path / "mail"
    secret = keep(tmp_path, "secret.eml", "secret")
    folder.mkdir()
    (folder / "link.eml").symlink_to(secret)
    (folder / "folder.eml").mkdir()
    os.mkfifo(folder / "pipe.eml")

    assert Mailbox(folder).get(name) is None
    assert Mailbox(folder).latest() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\x00\xfe",
        b"Subject: =?utf-8?b?////?=\nTo: <<<\nFrom: @\n\nx",
        b"Content-Type: text/plain; charset=nowhere\n\n\xff",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n",
        b"To: =?utf-8?q?=00?=@[\n\n",
        b"Content-Transfer-Encoding: base64\n\n%%%",
    ],
)
def test_broken_messages_are_shown_as_far_as_possible(tmp_path: Path, data: bytes) -> None:
    """A file that is no message breaks no page."""
    (tmp_path / "x.eml").write_bytes(data)

    message = Mailbox(tmp_path).get("x.eml")

    assert message is not None
    assert message.name == "x.eml"


def test_mailbox_is_bounded(tmp_path: Path) -> None:
    """A long night of failures makes no endless page."""
    for number in range(MOST_MESSAGES + 5):
        keep(tmp_path, f"{number}.eml", "x")
    large = keep(tmp_path, "large.eml", "large", "x" * (2 * LARGEST_MESSAGE))

    assert len(Mailbox(tmp_path).latest()) == MOST_MESSAGES
    message = Mailbox(tmp_path).get(large.name)
    assert message is not None
    assert message.body.omitted > 0


async def test_mail_page_leads_to_messages(pages: Workspace, tmp_path: Path) -> None:
    """Names of files and subjects are anybody's text."""
    keep(tmp_path / "data" / "mail", "a b#?%.eml", "<b>Failed</b> \u202e")
    keep(tmp_path / "data" / "mail", "html.eml", "html", "<img src='https://tracker'>", subtype="html")
    listed = await page_of(pages, "/mail")
    links = [link for link in listed.links() if link.startswith("/mail/")]
    shown = {link: await page_of(pages, link) for link in links}

    assert "<b>Failed</b> \\u202e" in listed.text
    assert "\\x0d" not in shown["/mail/html.eml"].text + listed.text
    assert "It failed." in shown["/mail/a%20b%23%3F%25.eml"].text
    assert "<img src='https://tracker'>" in shown["/mail/html.eml"].text
    assert not shown["/mail/html.eml"].all("img")


async def test_empty_mailbox_says_what_comes_there(pages: Workspace) -> None:
    """And what to set for it."""
    assert "email_notifications" in (await page_of(pages, "/mail")).text
