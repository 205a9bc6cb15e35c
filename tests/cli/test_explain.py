"""`landfall explain`: what a file would start or why not, by the code that decides in production."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cli.explain.command import explain
from cli.explain.path_history import entries_of_path
from cli.explain.report import Report, show_as_json
from shared import wiring
from shared.jobs import frozen_body
from shared.model import Arrival, Source, entry_key, run_token
from shared.settings import read_settings
from shared.wiring import Service
from tests.fakes.arrivals import arrival, entry
from tests.fakes.manual_clock import START
from tests.fakes.world import ENVIRONMENT, RULES, World

TEXT = """
version: 1
defaults: {exclude: ["**/_tmp/**"]}
rules:
  - {name: archive, path: "landing/**", also: true, job: {id: 9}, mode: shadow}
  - {name: crm, path: "landing/crm/{date:%Y-%m-%d}/{name}.csv", job: {id: 7}}
  - {name: big, path: "landing/big/{name}", job: {name: Big}, min_size: 1KB, on_overwrite: alert, min_age: 5m}
  - {name: big-too, path: "landing/big/**", job: {id: 8}}
  - {name: facts, path: "raw/**", job: {id: 5}, notebook_params: {what: "{blob.size} {blob.content_type} {event.id}"}}
  - {name: closed, path: "people/{name}", job: {id: 4}, enabled: false}
  - {name: wide, path: "wide/{name}", job: {id: 3}, python_params: ["{name}"]}
"""

app = typer.Typer()
app.command()(explain)


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the path of a rules file; no stack runs here and the environment names no workspace."""
    monkeypatch.setenv("LANDFALL_STATE", str(tmp_path / "state"))
    file = tmp_path / "rules.yaml"
    file.write_text(TEXT, encoding="utf-8")
    return str(file)


@pytest.fixture
def configured(rules: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the same where settings name a workspace and a storage account."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return rules


def invoke(*arguments: str) -> tuple[int, str]:
    """Run the command and return its exit code and all its output, on one line."""
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, " ".join(result.output.split())


def explained(rules: str, *arguments: str) -> dict[str, Any]:
    """Return what scripts are told."""
    result = CliRunner().invoke(app, [*arguments, "--rules", rules, "--json"])
    told: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if told["starts"] else 1)
    return told


def hit(rules: str, name: str, *arguments: str) -> dict[str, Any]:
    """Return what is told of the match of one rule."""
    return next(each for each in explained(rules, *arguments)["matches"] if each["rule"] == name)


def test_every_match_is_named_with_its_captures(rules: str) -> None:
    """A rule with `also` and the one that wins are both shown, each with what becomes of it."""
    code, output = invoke("landing/crm/2026-11-22/orders.csv", "--rules", rules)

    assert code == 0
    assert "date=2026-11-22, name=orders" in output
    assert "archive is a shadow: it would start the job id:9, and only records that." in output
    assert "crm starts the job id:7." in output


def test_request_is_the_one_that_is_sent(configured: str) -> None:
    """With the ETag known, the body is byte for byte what production freezes for this rule and this version."""
    settings = read_settings(ENVIRONMENT)
    sent = Arrival(
        account=settings.landing.account,
        container="landing",
        path="crm/2026-11-22/orders.csv",
        version="0x8D",
        committed_at=arrival().committed_at,
        source=Source.EVENT,
    )
    (_, match) = wiring.load_rules(Path(configured)).match(sent)
    key = entry_key("crm", sent)
    token = run_token(settings.databricks.workspace, 7, key, 1)
    body = frozen_body(7, token, match.render(wiring.locations(settings.landing), key))

    found = hit(configured, "crm", "landing/crm/2026-11-22/orders.csv", "--etag", '"0x8D"')

    assert found["request"] == body
    assert found["needs"] == []


async def test_request_is_what_databricks_received(configured: str) -> None:
    """Dropping the file for real sends the very bytes that explain shows for its version."""
    world = World(TEXT)
    blob = world.landing.upload("landing/crm/2026-11-22/orders.csv")
    await world.deliver(blob)
    entry = next(each for each in await world.all_entries() if each.rule == "crm")
    assert entry.request is not None

    shown = hit(configured, "crm", blob.full_path, "--etag", str(blob.version))

    assert shown["request"] == entry.request.body


def test_gaps_of_a_request_are_named(rules: str) -> None:
    """Without ETag, workspace and account the request says what each gap needs, and a job by name its look-up."""
    found = hit(rules, "big", "landing/big/x", "--size", "2KB")

    assert found["needs"] == ["--etag", "--account", "--resolve", "DATABRICKS_HOST"]
    body = json.loads(found["request"])
    assert body["job_id"] == "<needs --resolve>"
    assert body["idempotency_token"] == "<needs --etag, --account, --resolve, DATABRICKS_HOST>"
    assert body["notebook_params"]["landfall_entry"] == "<needs --etag, --account>"


def test_facts_that_parameters_tell_are_asked_for(rules: str) -> None:
    """A parameter that tells a size or a type shows its gap; given, it is filled in."""
    found = hit(rules, "facts", "raw/x")
    filled = hit(rules, "facts", "raw/x", "--size", "10KB", "--content-type", "text/csv")

    what = "<needs --size> <needs --content-type> <from the event>"
    assert json.loads(found["request"])["notebook_params"]["what"] == what
    assert {"--size", "--content-type"} < set(found["needs"])
    assert json.loads(filled["request"])["notebook_params"]["what"] == "10000 text/csv <from the event>"


def test_renamed_rule_is_kept_under_its_first_name(configured: str) -> None:
    """What the run is told of its entry is what the ledger keeps it by; people are told the former names."""
    text = Path(configured).read_text(encoding="utf-8").replace("name: crm,", "name: crm, renamed_from: [sap, r3],")
    before = hit(configured, "crm", "landing/crm/2026-11-22/a.csv", "--etag", "0x8D")
    Path(configured).write_text(text, encoding="utf-8")

    after = hit(configured, "crm", "landing/crm/2026-11-22/a.csv", "--etag", "0x8D")
    _, output = invoke("landing/crm/2026-11-22/a.csv", "--rules", configured)

    (_, match) = wiring.load_rules(Path(configured)).match(
        arrival("crm/2026-11-22/a.csv", version="0x8D", account=read_settings(ENVIRONMENT).landing.account)
    )
    told = json.loads(after["request"])["notebook_params"]["landfall_entry"]
    assert told == entry_key("r3", match.arrival)
    assert told != json.loads(before["request"])["notebook_params"]["landfall_entry"]
    assert (after["renamed_from"], after["ledger_name"]) == (["sap", "r3"], "r3")
    assert "It was called r3, then sap before; the ledger keeps it as r3 (`renamed_from`)." in output


@pytest.mark.parametrize(
    ("policy", "told", "says"),
    [
        ("record", "record", ""),
        ("{rerun: 1}", {"rerun": 1}, "A run that fails in a way that may pass is started again, at most once"),
        ("{repair: 3}", {"repair": 3}, "A run that fails in a way that may pass is repaired, at most 3 times"),
    ],
)
def test_what_becomes_of_failures_is_told(rules: str, policy: str, told: object, says: str) -> None:
    """A rule that runs files again says so, and how often; one that only records says nothing of it."""
    text = Path(rules).read_text(encoding="utf-8").replace("name: crm,", f"name: crm, on_failure: {policy},")
    Path(rules).write_text(text, encoding="utf-8")

    found = hit(rules, "crm", "landing/crm/2026-11-22/a.csv")
    _, output = invoke("landing/crm/2026-11-22/a.csv", "--rules", rules)

    assert found["on_failure"] == told
    assert (says in output) if says else ("on_failure" not in output)


def test_limits_are_told(rules: str) -> None:
    """A rule that may start only so many runs says so, to people and to scripts."""
    text = Path(rules).read_text(encoding="utf-8").replace("name: crm,", "name: crm, limit: [500/day, 1/hour],")
    Path(rules).write_text(text, encoding="utf-8")

    found = hit(rules, "crm", "landing/crm/2026-11-22/a.csv")
    _, output = invoke("landing/crm/2026-11-22/a.csv", "--rules", rules)

    assert found["limit"] == ["1/hour", "500/day"]
    assert "It starts at most 1 run an hour and 500 runs a day" in output


def test_undecided_condition_names_its_option(rules: str) -> None:
    """A condition that nobody can judge yet says which option decides it; decided, another rule may win."""
    undecided = hit(rules, "big", "landing/big/x")
    code, output = invoke("landing/big/x", "--rules", rules)
    small = explained(rules, "landing/big/x", "--size", "10")

    assert undecided["undecided"] == {"size": "--size"}
    assert code == 0
    assert "Whether big starts the job name:Big depends on what the blob tells: --size decides it." in output
    assert "the rule `big` on line 7 comes first, depending on its size" in output
    assert [each["rule"] for each in small["matches"]] == ["archive", "big-too"]
    assert "it has 10 bytes, fewer than the 1,000 of `min_size`" in json.dumps(small["others"])


def test_handling_beside_starting_is_said(rules: str) -> None:
    """What holds a file back, and what a new version of it does, stands beside its rule."""
    _, output = invoke("landing/big/x", "--rules", rules, "--size", "5000")

    assert "held until the file is 5m old" in output
    assert "a new one is recorded and not run and a person is told" in output


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("wide/{{job.id}}", "holds {{ or }}, which Databricks would evaluate"),
        ("wide/ümlaut", "is not ASCII, and Databricks takes no other characters there"),
    ],
)
def test_file_that_databricks_refuses_is_dead(rules: str, path: str, why: str) -> None:
    """A name that makes the request unusable is told as what it becomes: a dead entry, and no request is shown."""
    code, output = invoke(path, "--rules", rules)

    assert code == 0
    assert "starts nothing: the file is recorded as dead, since the parameter" in output
    assert why in output
    assert "idempotency_token" not in output


def test_miss_shows_the_closest_rules_first(rules: str) -> None:
    """Rules are sorted by how much of the path they fit; three are shown and the others counted."""
    _, output = invoke("landings/crm/2026-02-30/orders.csv", "--rules", rules)
    told = explained(rules, "people/2026/x")

    assert "No rule matches" in output
    assert "4 more rules do not match; --all shows all." in output
    assert len(told["others"]) == 3
    assert told["others"][0]["rule"] == "closed"
    assert told["others"][0]["reason"].startswith("the path has 3 segments and the template 2")


def test_date_that_does_not_exist_is_the_closest(rules: str) -> None:
    """`2026-02-30` got as far as its day; the other rules stopped earlier."""
    told = explained(rules, "landing/crm/2026-02-30/_tmp/orders.csv", "--all")
    names = [each["rule"] for each in told["others"]]

    assert names.index("crm") < names.index("big")
    assert len(names) == 7
    assert told["others"][0] == {"rule": "archive", "reason": "excluded by `**/_tmp/**`"}


def test_passed_over_rules_are_shown_beside_a_match(rules: str) -> None:
    """Beside a match only the rules matter that the path fits too."""
    told = explained(rules, "landing/big/x", "--size", "5000")

    assert [each["rule"] for each in told["others"]] == ["big-too"]


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("https://acct.blob.core.windows.net/raw/a%20b%23c.csv?sv=1&sig=SECRET%2F", "raw/a b#c.csv"),
        ("https://acct.dfs.core.windows.net/raw/a#b.csv?sig=SECRET", "raw/a#b.csv"),
        ("http://127.0.0.1:10000/acct/raw/x/y.csv", "raw/x/y.csv"),
        ("abfss://raw@acct.dfs.core.windows.net/x%20/y z", "raw/x%20/y z"),
        ("wasbs://raw@acct.blob.core.windows.net/x", "raw/x"),
        ("https://acct.blob.core.windows.net/file.txt", "$root/file.txt"),
        ("/raw/x", "raw/x"),
        ("raw/x?really", "raw/x?really"),
        ("raw/x?sv=1&sig=SECRET", "raw/x"),
    ],
)
def test_addresses_of_every_kind_name_a_blob(rules: str, address: str, path: str) -> None:
    """A URL is percent-decoded and loses its query; URIs of Spark are taken as they are."""
    result = CliRunner().invoke(app, [address, "--rules", rules, "--json"])

    assert json.loads(result.stdout)["path"] == path
    assert "SECRET" not in result.output


def test_address_names_the_account(rules: str) -> None:
    """The account of a URL fills the request, and another one cannot be claimed."""
    found = hit(rules, "facts", "https://acct.blob.core.windows.net/raw/x", "--etag", "0x1")
    code, output = invoke("https://acct.blob.core.windows.net/raw/x?sig=SECRET", "--rules", rules, "--account", "other")

    assert "--account" not in found["needs"]
    assert len(json.loads(found["request"])["notebook_params"]["landfall_entry"]) == 64
    assert code == 2
    assert "SECRET" not in output


@pytest.mark.parametrize(
    "address", ["landing", "landing/", "ftp://host/x?sig=SECRET", "https://acct.blob.core.windows.net/"]
)
def test_what_names_no_blob_is_refused(rules: str, address: str) -> None:
    """A container alone, or another kind of address, is refused without repeating what may be a secret."""
    code, output = invoke(address, "--rules", rules)

    assert code == 2
    assert "SECRET" not in output


def test_unreadable_size_is_refused(rules: str) -> None:
    """A size says how to write it."""
    code, output = invoke("raw/x", "--rules", rules, "--size", "ten")

    assert code == 2
    assert "10KB" in output


def test_event_that_starts_nothing_says_why(rules: str) -> None:
    """What the service ignores before it asks the rules is told in its own words."""
    opened = explained(rules, "raw/x", "--api", "CreateFile")
    damaged = explained(rules, "raw/\ufffd.csv")

    assert opened["unheard"] == "CreateFile only opens the file: its commit follows"
    assert "left to the sweep" in damaged["unheard"]
    assert not opened["starts"]


def test_other_account_is_not_watched(configured: str) -> None:
    """A file in another account than the one that is watched starts nothing, whatever the rules say."""
    told = explained(configured, "https://elsewhere.blob.core.windows.net/raw/x")

    assert told["unheard"] == "the account elsewhere is not watched, devstoreaccount1 is"


def test_request_on_a_terminal_is_harmless_and_the_same_json(rules: str) -> None:
    """What a terminal would obey is written as JSON's own escapes: the text is another and its meaning the same."""
    result = CliRunner().invoke(
        app, ["raw/\x1b[31m\u202e\x85[red].csv", "--rules", rules, "--etag", "1", "--account", "a"]
    )

    body = next(line for line in result.output.splitlines() if line.startswith("{"))
    assert not {"\x1b", "\u202e", "\x85"} & set(result.output)
    assert "[red]" in result.output
    assert json.loads(body)["notebook_params"]["what"].startswith("<needs --size>")


def test_faulty_rules_exit_with_two(rules: str) -> None:
    """A file that cannot be used is no miss."""
    Path(rules).write_text("version: 1\n", encoding="utf-8")

    code, output = invoke("raw/x", "--rules", rules)

    assert code == 2
    assert "`rules` is missing" in output


@pytest.fixture
def workspace(configured: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Yield the jobs of a workspace that answers on loopback; there are none at first."""
    jobs: list[dict[str, Any]] = []

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"jobs": jobs}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("DATABRICKS_HOST", f"http://127.0.0.1:{server.server_port}")
        assert configured
        yield jobs
        server.shutdown()
        thread.join()


def test_job_is_looked_up_only_when_asked(configured: str, workspace: list[dict[str, Any]]) -> None:
    """With --resolve a job's name becomes the id that the request holds, and nothing is left to be given."""
    workspace.append({"job_id": 4711, "settings": {"name": "Big"}})
    arguments = ("landing/big/x", "--size", "5000", "--etag", "0x1")

    unasked = hit(configured, "big", *arguments)
    asked = hit(configured, "big", *arguments, "--resolve")

    assert unasked["needs"] == ["--resolve"]
    assert asked["needs"] == []
    assert json.loads(asked["request"])["job_id"] == 4711
    assert len(json.loads(asked["request"])["idempotency_token"]) == 64


def test_job_that_is_missing_is_told(configured: str, workspace: list[dict[str, Any]]) -> None:
    """A job that Databricks does not know leaves its gap, and what Databricks said is shown."""
    assert workspace == []

    code, output = invoke("landing/big/x", "--rules", configured, "--size", "5000", "--resolve")

    assert code == 0
    assert "There is no job named Big." in output
    assert '"job_id":"<needs --resolve>"' in output


async def test_ledger_shows_what_became_of_a_path() -> None:
    """The newest version that a rule knows, and the one that is asked for, with their states."""
    world = World(RULES)
    first = world.landing.upload("landing/crm/a.csv")
    await world.deliver(first)
    world.clock.advance(60)
    second = world.landing.upload("landing/crm/a.csv", b"other")
    await world.deliver(second)
    names = {rule.name for rule in world.rules}

    newest = await entries_of_path(_service(world), names, replace(arrival("crm/a.csv"), version=None))
    both = await entries_of_path(_service(world), names, first)
    nothing = await entries_of_path(_service(world), names, replace(arrival("crm/b.csv"), version=None))

    assert [entry.arrival.version for entry in newest] == [second.version]
    assert [entry.arrival.version for entry in both] == [second.version, first.version]
    assert nothing == []


def test_entries_of_a_renamed_rule_are_shown_under_its_present_name(capsys: pytest.CaptureFixture[str]) -> None:
    """People read what the rule is called now; scripts get the ledger's name too."""
    report = Report(full_path="landing/crm/a.csv", entries=[entry("r3")], present_names={"r3": "crm"}, now=START)

    show_as_json(report)

    (told,) = json.loads(capsys.readouterr().out)["ledger"]
    assert (told["rule"], told["ledger_name"]) == ("crm", "r3")


class _Tables:
    """What the history of a path needs of a service."""

    def __init__(self, world: World) -> None:
        self.table = world.table
        self.entries = world.entries


def _service(world: World) -> Service:
    return _Tables(world)  # type: ignore[return-value]  # the two fields that are used


def test_account_cannot_reach_the_terminal(configured: str) -> None:
    """Whatever is given as an account is shown escaped."""
    result = CliRunner().invoke(app, ["raw/x", "--rules", configured, "--account", "\x1b[31m[red]"])

    assert result.exit_code == 1
    assert "\x1b" not in result.output
    assert "[red] is not watched, devstoreaccount1 is" in result.output
