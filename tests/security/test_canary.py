"""A canary in every secret setting, through success and every kind of failure: it is nowhere in what goes out."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import io
import json
import logging
import os
import pickle
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from functions.on_blob_event import on_blob_event
from functions.on_reconcile_timer import on_reconcile_timer
from functions.on_sweep_shard import on_sweep_shard
from shared import logs, redaction, wiring
from shared.jobs import JobsClient, create_credentials, create_http_client
from shared.model import State, Verdict
from shared.secret import Secret
from shared.settings import SETTINGS, read_settings
from tests.fakes.doors import behind_the_doors, http_doors
from tests.fakes.world import RULES, World, event_body
from tests.proof_record import record
from tests.security.canaries import Canaries, canary, connection_string, token
from tests.shared.jobs.scripted_server import (
    Action,
    Received,
    RunBook,
    ScriptedServer,
    answers_half,
    drops,
    hangs,
    says,
    serving,
    speaks_no_http,
)

ROOT = Path(__file__).parents[2]
ACCESS_TOKEN = token("access token")
CANARIES = Canaries(
    {
        "DATABRICKS_TOKEN": token("DATABRICKS_TOKEN"),
        "DATABRICKS_CLIENT_SECRET": canary("DATABRICKS_CLIENT_SECRET"),
        "AZURE_CLIENT_SECRET": canary("AZURE_CLIENT_SECRET"),
        "DATABRICKS_WEBHOOK_SECRET": canary("DATABRICKS_WEBHOOK_SECRET"),
        "IDENTITY_HEADER": token("IDENTITY_HEADER"),
        "RULES_URL": canary("RULES_URL"),
        "AzureWebJobsStorage": canary("host"),
        "LANDING_STORAGE": canary("landing"),
        "LEDGER_STORAGE": canary("ledger"),
        "DEAD_LETTER_STORAGE": canary("letters"),
        "an access token": ACCESS_TOKEN,
    }
)


def environment(server: ScriptedServer, **changes: str) -> dict[str, str]:
    """Return an environment in which each secret setting holds its canary, and the server is all other services."""
    secrets = CANARIES.secrets
    return {
        "DATABRICKS_HOST": server.url,
        "DATABRICKS_AUTH_TYPE": "pat",
        "DATABRICKS_CLIENT_ID": "the-client",
        "AZURE_TENANT_ID": "the-tenant",
        "AZURE_CLIENT_ID": "the-application",
        **{name: value for name, value in secrets.items() if name.startswith(("DATABRICKS", "AZURE_", "IDENTITY"))},
        "AzureWebJobsStorage": connection_string("host", server.url),
        "LANDING_STORAGE": connection_string("landing", server.url),
        "LEDGER_STORAGE": connection_string("ledger", server.url),
        "DEAD_LETTER_STORAGE": connection_string("letters", server.url),
        "DEAD_LETTER_CONTAINER": "landfall-dead-letters",
        "RULES_URL": f"{server.url}/landing/settings/rules.yaml?sv=1&sig={quote(secrets['RULES_URL'], safe='')}",
        "DISPATCH_BUDGET": "1s",
        "RECONCILE_BUDGET": "1s",
        **changes,
    }


class Output:
    """Everything that left: the log of every library at every level, answers, errors as anybody could print them."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s %(args)s"))

    def add(self, *things: object) -> None:
        """Take down what somebody printed."""
        self.stream.writelines(f"{thing!s}\n{thing!r}\n" for thing in things)

    def add_error(self, error: BaseException) -> None:
        """Take down an error as the host prints it, its causes included."""
        self.add(error, vars(error), error.args)
        self.stream.writelines(traceback.format_exception(error))

    @property
    def text(self) -> str:
        """Return all of it."""
        return self.stream.getvalue()

    @property
    def leaks(self) -> list[str]:
        """Return whose secrets got out."""
        return CANARIES.found_in(self.text)


@pytest.fixture
def output() -> Iterator[Output]:
    """Return what goes out while a test runs; nobody else's log levels or secrets are left behind."""
    root, make, held, pattern = logging.getLogger(), logging.getLogRecordFactory(), redaction._held, redaction._pattern
    found = Output()
    names = [
        "azure",
        "azure.core.pipeline.policies.http_logging_policy",
        "azure.identity",
        "httpx",
        "httpcore",
        "aiohttp",
    ]
    levels = {name: logging.getLogger(name).level for name in [*names, "asyncio", "landfall"]}
    before = root.level
    root.addHandler(found.handler)
    root.setLevel(logging.DEBUG)
    redaction._held, redaction._pattern = set(), None
    yield found
    root.removeHandler(found.handler)
    root.setLevel(before)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.setLogRecordFactory(make)
    redaction._held, redaction._pattern = held, pattern


@pytest.fixture(params=["net", "no net"])
def net(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Tell whether the redaction is there: without it nothing may get out either, for it is the last net only."""
    if request.param == "no net":
        monkeypatch.setattr(redaction, "guard_logs", lambda: None)
        monkeypatch.setattr(redaction, "hold", lambda _: None)
        monkeypatch.setattr(logs, "hush_libraries", lambda: None)  # and everybody talks
    return str(request.param) == "net"


async def echoes(request: Received) -> str:
    """Return what a spiteful server says: all that it was sent."""
    return f"{request.method} {request.target} {dict(request.headers)} {request.body!r}"


def echo(status: int, kind: str = "application/json") -> Action:
    """Answer with all that was sent, as the message of an error."""

    async def action(request: Received, writer: asyncio.StreamWriter) -> bool:
        said = await echoes(request)
        text = json.dumps({"error_code": said, "message": said, "error": said, "error_description": said})
        if "xml" in kind:
            text = f'<?xml version="1.0"?><Error><Code>Echo</Code><Message><![CDATA[{said}]]></Message></Error>'
        elif "html" in kind:
            text = f"<html><title>{said}</title><pre>{said}</pre></html>"
        return await says(status, text.encode(), content_type=kind, x_ms_error_code="Echo")(request, writer)

    return action


FAILURES = {
    "401": echo(401),
    "403": echo(403),
    "400": echo(400),
    "404": echo(404),
    "429": echo(429),
    "500": echo(500),
    "501": echo(501),
    "xml 403": echo(403, "application/xml"),
    "xml 409": echo(409, "application/xml"),
    "html 200": echo(200, "text/html"),
    "json 200": echo(200),
    "half": answers_half,
    "drops": drops,
    "no HTTP": speaks_no_http,
    "hangs": hangs,
}


def authorization(password: str) -> str:
    """Return the header of a Basic sign-in."""
    import base64  # noqa: PLC0415 - beside its only use

    return "Basic " + base64.b64encode(f"databricks:{password}".encode()).decode()


async def open_every_door(output: Output) -> None:
    """Open every door of the app once, and take down what each says."""
    notification = json.dumps({"event_type": "jobs.on_success", "run": {"run_id": 101}, "job": {"job_id": 7}}).encode()
    password = CANARIES.secrets["DATABRICKS_WEBHOOK_SECRET"]
    for door in http_doors():
        for method in door.methods:
            body = notification if door.name == "http_databricks" else b"{}"
            bodies = (body,) if method != "POST" else (body, b'{"rule": "crm", "since": "7d"}')
            for each in bodies:
                headers = {"authorization": authorization(password)}
                answer = await door.open(method, each, headers=headers, route_params={"id": "0" * 12})
                output.add(answer.status_code, answer.get_body().decode(), dict(answer.headers))
    for open_door, argument in (
        (on_blob_event, event_of_a_file()),
        (on_sweep_shard, "{}"),
        (on_reconcile_timer, _Timer()),
    ):
        try:
            await cast("Any", open_door)(argument)
        except Exception as error:  # noqa: BLE001 - any at all: it is what the host would print
            output.add_error(error)


def event_of_a_file() -> str:
    """Return the event of a file in the landing account."""
    return event_body(dataclasses.replace(World().landing.upload("landing/crm/a.csv"), account="landing"))


class _Timer:
    past_due = True


@asynccontextmanager
async def whole_service(server: ScriptedServer, **changes: str) -> AsyncIterator[wiring.Service]:
    """Yield the real service, behind its doors, over a server that stands for Azure Storage and Databricks."""
    loop = asyncio.get_running_loop()
    service = wiring.build(environment(server, **changes))
    wiring._services[loop] = service
    try:
        yield service
    finally:
        del wiring._services[loop]
        await service.close()


def test_every_secret_setting_has_its_canary() -> None:
    """A new secret setting comes under test by being one."""
    assert {setting.name for setting in SETTINGS if setting.secret} <= set(CANARIES.secrets)


SLOW = {"hangs", "drops", "half", "no HTTP", "500", "429"}  # the storage SDKs try these again


@pytest.mark.parametrize("failure", [name for name in FAILURES if name not in SLOW])
async def test_no_failure_of_storage_shows_a_secret(failure: str, output: Output, net: bool) -> None:  # noqa: FBT001 - a fixture
    """Real clients, real HTTP, every door, every level of every log, and a server that repeats all it was sent."""
    async with serving() as server:
        server.always(FAILURES[failure])
        async with whole_service(server) as service:
            output.add(service, vars(service), service.settings, dataclasses.asdict(service.settings))
            await open_every_door(output)

    assert len(server.received) > 5
    assert len(output.text) > 1_000
    assert output.leaks == [], net


@pytest.mark.parametrize("failure", ["hangs", "drops", "500"])
async def test_no_lasting_failure_of_storage_shows_a_secret(failure: str, output: Output, net: bool) -> None:  # noqa: FBT001 - a fixture
    """The same for what the storage SDKs try again, at the door of events."""
    async with serving() as server:
        server.always(FAILURES[failure])
        async with whole_service(server):
            with suppress(TimeoutError):
                async with asyncio.timeout(1.5):
                    try:
                        await cast("Any", on_blob_event)(event_of_a_file())
                    except Exception as error:  # noqa: BLE001 - any at all: it is what the host would print
                        output.add_error(error)

    assert server.received
    assert output.leaks == [], net


@pytest.mark.parametrize("auth_type", ["pat", "oauth-m2m"])
@pytest.mark.parametrize("failure", [*(name for name in FAILURES if name != "hangs"), "none"])
async def test_no_answer_of_databricks_shows_a_secret(
    failure: str,
    auth_type: str,
    output: Output,
    net: bool,  # noqa: FBT001 - a fixture
) -> None:
    """From the claim to the settled run, through each failure and out of it again."""
    async with serving() as server:
        server.always(FAILURES.get(failure, working()))
        world = World(
            **environment(server, DATABRICKS_AUTH_TYPE=auth_type, RULES_URL="", RECONCILE_BUDGET="4m")
            | {"LANDING_STORAGE": "UseDevelopmentStorage=true"}
        )
        databricks = world.settings.databricks
        http = create_http_client()
        credentials = create_credentials(databricks, http, world.clock)
        jobs = JobsClient(http, databricks, credentials, world.clock)
        world.databricks = jobs  # type: ignore[assignment]  # the real one, in the place of the fake
        world.restart(RULES)
        if net:
            redaction.hold(CANARIES.secrets.values())
            redaction.guard_logs()
        with behind_the_doors(world):
            claims = [await world.drop(f"landing/{name}") for name in ("crm/a.csv", "erp/a.csv")]
            await open_every_door(output)
            server.always(working())
            for _ in range(6):
                world.clock.advance(1_000)
                output.add(await world.reconciler.run())
            await open_every_door(output)
        entries = await world.all_entries()
        output.add(claims, entries, [values async for values in rows(world)], credentials, jobs, vars(jobs))
        await jobs.aclose()

    assert {entry.state for entry in entries} <= {State.SETTLED, State.SUBMITTED}
    assert server.received
    assert output.leaks == [], net


def working() -> Action:
    """Answer as Databricks does: tokens, runs that succeed at once, and the job that is asked for."""
    run = {"run_id": 1000, "job_id": 7, "state": {"life_cycle_state": "TERMINATED", "result_state": "SUCCESS"}}
    answers = {
        "token": says(200, {"access_token": ACCESS_TOKEN, "expires_in": 3600}),
        "run-now": RunBook().starts(),
        "get": says(200, run),
        "list": says(200, {"jobs": [{"job_id": 7, "settings": {"name": "ETL"}}], "runs": []}),
    }

    async def action(request: Received, writer: asyncio.StreamWriter) -> bool:
        return await answers.get(request.path.rpartition("/")[2], echo(404))(request, writer)

    return action


async def rows(world: World) -> AsyncIterator[Mapping[str, str]]:
    """Yield what the ledger holds: whoever may read it need not know our secrets."""
    for entry in await world.all_entries():
        row = await world.table.read(f"{entry.rule}|0", f"E|{entry.key}")
        yield {} if row is None else row.values


@pytest.mark.parametrize("name", CANARIES.secrets)
async def test_unexpected_error_with_a_secret_shows_nothing(
    name: str, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library may put anything into an exception: the doors tell its kind, the net takes the rest out of the log."""
    secret = CANARIES.secrets[name]
    held = name != "an access token"  # which no setting holds; its shape gives it away
    text = f"refused {secret} of {quote(secret)}" if held else f"refused Bearer {secret}"
    async with serving() as server, whole_service(server) as service:
        for use_case in (
            "intake",
            "reconciler",
            "sweeper",
            "status",
            "replayer",
            "pruner",
            "backfill_orders",
            "run_hints",
        ):
            monkeypatch.setattr(type(service), use_case, property(lambda _: _raise(text)), raising=False)
        await open_every_door(output)
        logging.getLogger("azure.some.library").error("it failed: %s", text, exc_info=RuntimeError(text))

    assert output.text.count("door.failed") >= len(http_doors())
    assert "***" in output.text
    assert output.leaks == []


def _raise(text: str) -> object:
    raise RuntimeError(text)


def test_no_object_that_holds_a_secret_prints_or_pickles_it(output: Output) -> None:
    """repr, str, format, asdict, copy and pickle of the settings and of a secret alone."""
    server = ScriptedServer(url="http://127.0.0.1:9")
    settings = read_settings(environment(server))
    secret = Secret(CANARIES.secrets["DATABRICKS_TOKEN"])

    output.add(settings, dataclasses.asdict(settings), dataclasses.astuple(settings), copy.deepcopy(settings), [secret])
    output.add(f"{secret} {secret!s} {secret!r} {settings}", dir(secret), getattr(secret, "__dict__", {}))
    for thing in (secret, settings):
        with pytest.raises(TypeError, match="written nowhere"):
            pickle.dumps(thing)

    assert copy.deepcopy(secret) == secret
    assert len({secret, Secret(secret.reveal())}) == 1
    assert output.leaks == []


COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("runs",),
    ("explain", "landing/crm/a.csv", "--ledger"),
    ("replay", "--rule", "crm"),
    ("prune", "--dry-run"),
    ("backfill", "crm", "--since", "1d", "--dry-run"),
    ("drop", "rules.yaml", "--as", "landing/inbox/"),
)


async def test_no_command_shows_a_secret(output: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line, against services that refuse and repeat, and with settings that are malformed."""
    monkeypatch.chdir(tmp_path)
    async with serving() as server:
        server.always(echo(403, "application/xml"))
        good = environment(server)
        for settings in (good, malformed(good)):
            for name, value in settings.items():
                monkeypatch.setenv(name, value)
            for command in COMMANDS:
                result = await asyncio.to_thread(CliRunner().invoke, app, list(command))
                output.add(result.output, result.exception)  # `main` prints the error, and not its causes
                assert result.exit_code, command

    assert server.received
    assert output.leaks == []


def malformed(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings with secrets that are put down wrong."""
    wrong = {"SETTLE_INTERVAL": "soon", "LEDGER_STORAGE": f"x={canary('ledger')}", "RULES_URL": canary("RULES_URL")}
    return {**settings, **wrong}


async def test_process_of_the_command_line_shows_no_secret(output: Output, tmp_path: Path) -> None:
    """As a process of its own: the whole of what it writes, and no traceback."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    settings = malformed(environment(ScriptedServer(url="http://127.0.0.1:9")))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cli", "status"),
        cwd=ROOT,
        env={**inherited, **settings, "LANDFALL_STATE": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    streams = await process.communicate()
    output.add(*(stream.decode() for stream in streams))

    assert process.returncode == 1
    assert "LEDGER_STORAGE is no connection string" in output.text
    assert "Traceback" not in output.text
    assert output.leaks == []


LEAKS: Mapping[str, Callable[[str], str]] = {
    "whole": lambda secret: secret,
    "in part": lambda secret: f"…{secret[20:36]}…",
    "in base64": authorization,
    "in an address": lambda secret: f"https://a/b?sig={quote(secret, safe='')}",
    "in hexadecimal": lambda secret: secret.encode().hex(),
}


@pytest.mark.parametrize("name", CANARIES.secrets)
@pytest.mark.parametrize("leak", LEAKS)
def test_planted_leak_is_found(leak: str, name: str, output: Output) -> None:
    """The tests above are not blind: whatever way a secret takes into the output, it is noticed."""
    output.add(LEAKS[leak](CANARIES.secrets[name]))

    assert name in output.leaks


async def test_planted_leak_of_the_service_is_found(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is the whole arrangement: a service that says its key in an error is caught, at the doors of HTTP."""
    from shared.errors import LedgerUnavailable  # noqa: PLC0415 - beside its only use

    monkeypatch.setattr(redaction, "hold", lambda _: None)
    leaky = LedgerUnavailable(f"Could not sign in with {canary('ledger')}.")
    async with serving() as server, whole_service(server) as service:
        monkeypatch.setattr(type(service), "status", property(lambda _: _raise_error(leaky)), raising=False)
        await open_every_door(output)

    assert output.leaks == ["LEDGER_STORAGE"]
    record(
        "secrets canary",
        how_many=f"{len(CANARIES.secrets)} secrets, {len(FAILURES)} kinds of failure, "
        f"{len(http_doors()) + 3} doors, {len(COMMANDS)} commands",
        result="none shown; planted leaks found",
    )


def _raise_error(error: Exception) -> object:
    raise error


def test_verdicts_are_still_told() -> None:
    """What is hidden is secrets: the words of a result are not."""
    assert all(redaction.redacted(verdict.value) == verdict.value for verdict in Verdict)


async def test_secret_in_an_unexpected_error_is_not_kept(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pass says of its failed steps goes to the ledger, and to all who may read the status."""
    secret = canary("landing")
    redaction.hold([secret])
    world = World()
    await world.drop("landing/erp/a.csv")

    def fail(*_: object, **__: object) -> object:
        return _raise(f"refused {secret}")

    for place, method in ((world.landing, "pages"), (world.landing, "server_time"), (world.queue, "send")):
        monkeypatch.setattr(place, method, fail)
    with behind_the_doors(world):
        for _ in range(3):
            world.clock.advance(4_000)
            output.add((await world.reconciler.run()).summary())
            monkeypatch.setattr(world.landing, "server_time", type(world.landing).server_time.__get__(world.landing))
        monkeypatch.setattr(type(world.entries), "read_at", fail)
        await open_every_door(output)
    output.add(vars(world.table), [vars(each) for each in vars(world.table).values() if hasattr(each, "__dict__")])

    assert "refused ***" in output.text
    assert output.leaks == []
