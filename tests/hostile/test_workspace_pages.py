"""Hostile names on the workspace's pages, in its messages and in its log: they are shown, and never obeyed."""

from __future__ import annotations

import html
import io
import logging
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from localdev.workspace.errors import WorkspaceNotStarted
from localdev.workspace.files import secret_scopes
from localdev.workspace.scripted_runner import ScriptedRunner, failure
from tests.fakes.waiting import until
from tests.hostile.corpus import Name, label, names
from tests.hostile.tally import count
from tests.hostile.test_name_screens import assert_harmless
from tests.localdev.workspace.kit import Json, Workspace, open_without_wire, task, workspace_settings
from tests.localdev.workspace.notifications.kit import http_receiver
from tests.localdev.workspace.pages.page_kit import HOST, Page, page_of

SOMEBODY = "team@company.com"
NAMES = [name for name in names() if "\ud83d" not in name.text]  # half a character is in no JSON body
BATCH = 40  # names in one run: each is a value of a parameter


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Return what the workspace logs while a test runs, as its process writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("landfall")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(before)


def assert_only_text(page: Page) -> None:
    """Fail where a name became more than text, or where a person would not see what it holds."""
    assert all(character.isprintable() or character in "\n\t" for character in page.text), ascii(page.text)
    assert not page.all("script")
    assert not page.all("img")


@pytest.mark.parametrize("first", range(0, len(NAMES), BATCH))
async def test_pages_show_names_of_files_as_text(tmp_path: Path, first: int, log: io.StringIO) -> None:
    """As parameters of a job, of a run and of a task, in an error, a trace, and a message of the task."""
    batch = NAMES[first : first + BATCH]
    values = {f"p{number}": name.text for number, name in enumerate(batch)}
    told = "\n".join(values.values())
    async with open_without_wire(
        workspace_settings(tmp_path, host=HOST), runner=ScriptedRunner({"main": [failure(told)]})
    ) as workspace:
        defaults = [{"name": name, "default": value} for name, value in values.items()]
        job_id = await workspace.create(parameters=defaults)
        run_id = await workspace.run_now(job_id, job_parameters=values)
        await workspace.ended(run_id)
        pages = [await page_of(workspace, path) for path in ("/", f"/jobs/{job_id}", f"/jobs/{job_id}/runs/{run_id}")]

    for page in pages:
        assert_only_text(page)
    assert all(line.isprintable() for line in log.getvalue().splitlines())
    count("corpus", len(batch))


def mails_in(folder: Path) -> list[bytes]:
    """Return the messages that have become files."""
    return [file.read_bytes() for file in folder.glob("*.eml")]


async def told_by(workspace: Workspace, url: str, name: str, folder: Path) -> bytes:
    """Run a job of that name to its end; return the mail that tells of it."""
    body = {"display_name": name[:100], "config": {"slack": {"url": url}}}
    made = (await workspace.client.post("/api/2.0/notification-destinations", json=body)).json()
    settings: Json = {
        "email_notifications": {"on_success": [SOMEBODY]},
        "webhook_notifications": {"on_success": [{"id": made["id"]}]},
    }
    job_id = await workspace.create(task("t"), name=name, **settings)
    await workspace.ended(await workspace.run_now(job_id))
    await until(lambda: bool(mails_in(folder)))
    return mails_in(folder)[0]


@pytest.mark.parametrize("name", NAMES, ids=label)
async def test_job_called_so_is_told_of_as_text(tmp_path: Path, name: Name) -> None:
    """On the pages, in a mail with the headers that we wrote and no other, and in a chat that obeys nothing."""
    text = name.text
    async with (
        http_receiver() as receiver,
        open_without_wire(workspace_settings(tmp_path, host=HOST), runner=ScriptedRunner()) as workspace,
    ):
        mail = await told_by(workspace, f"{receiver.url}/chat", text, tmp_path / "data" / "mail")
        pages = [await page_of(workspace, path) for path in ("/", "/mail")]
        links = [link for link in pages[1].links() if link.startswith("/mail/")]
        pages += [await page_of(workspace, link) for link in links]
        await until(lambda: bool(receiver.bodies))

    message = message_from_bytes(mail, policy=default)
    said = receiver.bodies[0]["text"]
    assert len(links) == 1
    for page in pages:
        assert_only_text(page)
    assert sorted(message.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
    )
    assert message["To"].addresses[0].addr_spec == SOMEBODY
    assert len(message["To"].addresses) == 1
    assert "<" not in said.replace("&lt;", "")
    assert "<img" not in message.get_body(("html",)).get_content()  # type: ignore[union-attr]  # our own mails have one
    count("corpus")


MAILS = {
    "nothing": b"",
    "no text": b"\xff\xfe\0\0" * 100,
    "headers without an end": b"Subject: " + b"x" * 300_000,
    "a subject of escapes": b"Subject: =?utf-8?q?=1b[31m=00=e2=80=ae?=\r\n\r\n\x1b]0;x\a",
    "parts inside of parts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3_000)
    ),
    "another character set": b"Content-Type: text/plain; charset=nope\r\n\r\n\xff",
    "a name that is none": b"Content-Type: text/html\r\nFrom: <\r\nTo: @,;:<>\r\nDate: never\r\n\r\n<script>alert(1)",
}


async def test_mail_page_bears_any_file(tmp_path: Path) -> None:
    """Whoever may write into the folder may not break the page, nor have a browser obey."""
    folder = tmp_path / "data" / "mail"
    folder.mkdir(parents=True)
    for number, content in enumerate(MAILS.values()):
        (folder / f"{number}-<b>.eml").write_bytes(content)
    (folder / "link.eml").symlink_to("/etc/passwd")

    async with open_without_wire(workspace_settings(tmp_path, host=HOST), runner=ScriptedRunner()) as workspace:
        listed = await page_of(workspace, "/mail")
        links = sorted({link for link in listed.links() if link.startswith("/mail/")})
        pages = [listed, *[await page_of(workspace, html.unescape(link)) for link in links]]

    assert len(links) == len(MAILS)
    for page in pages:
        assert_only_text(page)
        assert "root:" not in page.text
    count("corpus", len(MAILS))


def bomb(levels: int = 9) -> str:
    """Return YAML that stands for a billion texts."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]" for n in range(levels)]
    return "\n".join(lines)


FILES = {
    "a bomb.yaml": bomb(),
    "tags.yaml": "name: !!python/object/apply:os.system [id]\ntasks: []\n",
    "a key twice.yaml": "name: a\nname: b\ntasks: []\n",
    "merge.yaml": "base: &b {a: 1}\njob: {<<: *b}\n",
    "deep.yaml": "[" * 50_000,
    "deep.json": "[" * 100_000,
    "a key twice.json": '{"name": "a", "name": "b", "tasks": []}',
    "a long number.json": '{"name": "a", "tasks": [], "max_concurrent_runs": ' + "9" * 5_000 + "}",
    "two documents.yaml": "name: a\n---\nname: b\n",
    "nothing.yaml": "",
    "zeros.yaml": "\0\0\0",
    "escapes.yaml": 'name: "\\e[31m\\u202e"\ntasks: 5\n',
    "a text.json": '"x"',
    "no number.json": '{"name": "a", "tasks": NaN}',
}


@pytest.mark.parametrize("name", FILES)
def test_hostile_file_of_jobs_is_told_harmlessly(tmp_path: Path, name: str) -> None:
    """No bomb goes off, no tag is obeyed, no traceback: a line for people that says what is wrong with the file."""
    file = tmp_path / name
    file.write_text(FILES[name], "utf-8")

    result = CliRunner().invoke(app, ["jobs", "check", str(file)])

    assert result.exit_code in {1, 2}
    assert not isinstance(result.exception, Exception) or result.exit_code == 1
    assert_harmless(result.output)
    assert len(result.output) < 32_000
    assert "Traceback" not in result.output
    count("corpus")


@pytest.mark.parametrize("name", FILES)
def test_hostile_file_of_secrets_is_refused(tmp_path: Path, name: str) -> None:
    """And nothing of what is in it is repeated, not even where it is wrong."""
    file = tmp_path / "secrets.yaml"
    file.write_text(FILES[name].replace("name", "canary"), "utf-8")
    file.chmod(0o600)

    with pytest.raises(WorkspaceNotStarted) as refusal:
        secret_scopes.read(file)

    assert "canary" not in str(refusal.value)
    assert_harmless(str(refusal.value).replace("\n", " "))
    count("corpus")
