"""A canary in everything secret that the local workspace holds: nothing it answers, shows, logs or keeps has it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from localdev.workspace.notifications.options import NotificationOptions, SmtpServer
from localdev.workspace.settings import WorkspaceSettings
from localdev.workspace.storage.store import FILE_NAME
from shared.secret import Secret
from shared.storage_connection import StorageConnection, read_connection
from tests.fakes.waiting import until
from tests.localdev.workspace.kit import Json, Workspace, notebook, open_workspace, sign_in, task, workspace_settings
from tests.security.canaries import Canaries, canary, connection_string, token
from tests.security.test_canary import Output, echo
from tests.shared.jobs.scripted_server import ScriptedServer, serving

CANARIES = Canaries(
    {
        "the workspace's token": token("workspace"),
        "a user's token": token("user"),
        "a client's secret": token("client"),
        "the mail server's password": token("smtp"),
        "a destination's password": token("destination"),
        "a destination's url": token("url"),
        "a secret of a scope": token("scope"),
        "a storage account's key": canary("landing"),
    }
)
SECRETS = CANARIES.secrets
# They have to be sent, so that they are kept as they are, in a file that is its owner's alone: docs/security.md.
KEPT = {"a destination's password", "a destination's url"}
NOTEBOOK = """
import json, os, sys
secret = dbutils.secrets.get('etl', 'key')
print('environment', json.dumps(dict(os.environ)), open('/proc/self/environ').read(), sys.argv)
print('command line', open('/proc/self/cmdline').read())
print('secret', secret, secret.encode().hex() == '', repr(secret))
dbutils.jobs.taskValues.set('seen', len(secret))
dbutils.notebook.exit('left with ' + secret)
"""


@pytest.fixture
def output() -> Iterator[Output]:
    """Return what is logged while a test runs, by every library and at every level."""
    root = logging.getLogger()
    found, before = Output(), root.level
    root.addHandler(found.handler)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(found.handler)
    root.setLevel(before)


@asynccontextmanager
async def spiteful_mail_server() -> AsyncIterator[int]:
    """Listen for mail; whatever is said is repeated in a refusal."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = ""
        writer.write(b"220 spite\r\n")
        while line := await reader.readline():
            text = line.decode().strip()
            said += text
            hello = text.upper().startswith("EHLO")
            writer.write(b"250-spite\r\n250 AUTH PLAIN LOGIN\r\n" if hello else f"535 {said}\r\n".encode())
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def settings_with_secrets(folder: Path, mail_port: int) -> WorkspaceSettings:
    """Return settings in which everything secret is a canary."""
    scopes = folder / "secrets.json"
    scopes.write_text(json.dumps({"etl": {"key": SECRETS["a secret of a scope"]}}), "utf-8")
    scopes.chmod(0o600)
    password = Secret(SECRETS["the mail server's password"])
    smtp = SmtpServer(host="127.0.0.1", port=mail_port, username="workspace", password=password)
    storage = read_connection("S", {"S": connection_string("landing", "http://127.0.0.1:9")})
    assert isinstance(storage, StorageConnection)
    return workspace_settings(
        folder,
        token=Secret(SECRETS["the workspace's token"]),
        users={"ada": Secret(SECRETS["a user's token"])},
        clients={"app": Secret(SECRETS["a client's secret"])},
        secrets=scopes,
        storage=storage,
        faults=True,
        notifications=NotificationOptions(smtp=smtp),
    )


async def visit(workspace: Workspace, output: Output, method: str, path: str, **request: Any) -> Any:
    """Ask, take down all of the answer but what the token endpoint is there to give, and return its JSON."""
    answer = await workspace.client.request(method, path, **request)
    output.add(answer.status_code, answer.text, dict(answer.headers))
    return answer.json() if "json" in answer.headers.get("content-type", "") else {}


async def use_everything(workspace: Workspace, receiver: ScriptedServer, output: Output) -> None:
    """Make a destination and a job that tells it, run it, and look at everything there is to see."""
    hook = {
        "url": "/".join([receiver.url, SECRETS["a destination's url"]]),
        "username": "landfall",
        "password": SECRETS["a destination's password"],
    }
    body = {"display_name": "hook", "config": {"generic_webhook": hook}}
    made = await visit(workspace, output, "POST", "/api/2.0/notification-destinations", json=body)
    place = f"/api/2.0/notification-destinations/{made['id']}"
    told: Json = {
        "webhook_notifications": {"on_success": [{"id": made["id"]}]},
        "email_notifications": {"on_success": ["team@company.com"]},
    }
    arrival = {"file_arrival": {"url": "https://landing.blob.core.windows.net/landing/crm/"}}
    job_id = await workspace.create(task("main"), trigger=arrival, **told)
    run = await workspace.ended(await workspace.run_now(job_id))
    outputs = await workspace.outputs(run)
    output.add(run, outputs)
    assert outputs["main"]["notebook_output"]["result"] == "left with [REDACTED]"
    await until(lambda: len(receiver.received) > 0)
    for method, path in (
        *(("GET", place), ("GET", "/api/2.0/notification-destinations"), ("GET", f"/api/2.2/jobs/get?job_id={job_id}")),
        *(("GET", f"/api/2.2/jobs/runs/export?run_id={run['tasks'][0]['run_id']}"), ("GET", "/"), ("GET", "/mail")),
        *(("GET", f"/jobs/{job_id}"), ("GET", f"/jobs/{job_id}/runs/{run['run_id']}"), ("GET", "/no/such/page")),
        *(("GET", "/.well-known/databricks-config"), ("GET", "/api/2.0/preview/scim/v2/Me")),
    ):
        await visit(workspace, output, method, path)
    broken = {**hook, "url": hook["url"].replace("http:", "gopher:")}
    await visit(workspace, output, "PATCH", place, json={"config": {"generic_webhook": broken}})
    form = {"grant_type": "password", "client_id": "app", "client_secret": SECRETS["a client's secret"]}
    await visit(workspace, output, "POST", "/oidc/v1/token", data=form)
    for name in ("a user's token", "a client's secret"):
        await visit(workspace, output, "GET", "/api/2.2/jobs/list", headers=dict(sign_in(SECRETS[name] + "x")))
    await visit(workspace, output, "POST", "/sign-in", data={"token": SECRETS["a user's token"]})


def kept_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield every file that the workspace has written, and every table of its own file, as text."""
    for file in folder.rglob("*"):
        if file.is_file() and not file.name.startswith(FILE_NAME):
            yield str(file.relative_to(folder)), file.read_bytes().decode("latin-1")
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            yield table, repr(connection.execute(f"SELECT * FROM {table}").fetchall())  # noqa: S608 - its own name


async def test_workspace_shows_no_secret(tmp_path: Path, output: Output) -> None:
    """Real processes, real HTTP, and receivers that repeat in their refusals all that they were sent."""
    notebook(tmp_path / "notebooks", "main", NOTEBOOK)
    async with serving() as receiver, spiteful_mail_server() as mail_port:
        receiver.always(echo(400))
        settings = settings_with_secrets(tmp_path, mail_port)
        async with open_workspace(settings) as workspace:
            workspace.client.headers.update(sign_in(SECRETS["the workspace's token"]))
            await use_everything(workspace, receiver, output)
            await until(lambda: "notification_postponed" in output.text and "notification_dead" in output.text)
        output.add(settings, dataclasses.asdict(settings))

    kept = {place: CANARIES.found_in(text) for place, text in kept_in(settings.data)}
    tasks = "".join(file.read_text("utf-8") for file in settings.data.rglob("output.txt"))
    assert len(output.text) > 5_000
    assert "environment" in tasks
    assert output.leaks == []
    assert {place: found for place, found in kept.items() if found} == {"destinations": sorted(KEPT)}
    assert settings.data.stat().st_mode & 0o077 == 0


def test_planted_leak_of_the_workspace_is_found(tmp_path: Path) -> None:
    """The test above is not blind: a secret in any file or table is noticed."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("CREATE TABLE runs (settings TEXT)")
        connection.execute("INSERT INTO runs VALUES (?)", [SECRETS["a secret of a scope"]])
        connection.commit()
    (tmp_path / "output.txt").write_text("x" + SECRETS["a client's secret"] + "x", "utf-8")

    found = {place: CANARIES.found_in(text) for place, text in kept_in(tmp_path)}

    assert found == {"runs": ["a secret of a scope"], "output.txt": ["a client's secret"]}


async def test_data_folder_of_somebody_else_tells_others_nothing(tmp_path: Path) -> None:
    """A folder that was there, open to all, stays as it is; what the workspace puts into it is its owner's alone."""
    notebook(tmp_path / "notebooks", "main", "print('hello')")
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    async with open_workspace(workspace_settings(tmp_path)) as workspace:
        await workspace.ended(await workspace.run_now(await workspace.create()))
        modes = modes_in(tmp_path / "data")

    assert modes.keys() >= {FILE_NAME, f"{FILE_NAME}-wal", "tasks"}
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}
    assert modes_in(tmp_path)["data"] == 0o755


def modes_in(folder: Path) -> dict[str, int]:
    """Return who may do what with each thing in a folder."""
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
