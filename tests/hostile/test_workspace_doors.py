"""Hostile requests at every door of the local workspace: an answer of ours comes back, soon and bounded."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from localdev.workspace.scripted_runner import ScriptedRunner
from localdev.workspace.settings import WorkspaceSettings
from shared.secret import Secret
from tests.hostile.tally import count
from tests.localdev.workspace.kit import (
    TOKEN,
    Json,
    StandingClock,
    Workspace,
    job,
    open_without_wire,
    task,
    workspace_settings,
)

LONGEST_REFUSAL = 8 * 1024  # bytes
LONGEST_WAIT = 2.0  # seconds of this process: what takes longer keeps everybody else waiting
MEGABYTE = 1_000_000
CREATE = "/api/2.2/jobs/create"
IMPORT = "/api/2.0/workspace/import"


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Open a workspace with every door it has."""
    settings = workspace_settings(
        tmp_path, users={"ada@example.com": Secret("dapi-ada")}, clients={"app": Secret("dose-app")}, faults=True
    )
    async with open_without_wire(settings, runner=ScriptedRunner(), clock=StandingClock()) as workspace:
        yield workspace


async def ask(workspace: Workspace, method: str, path: str, **request: Any) -> httpx.Response:
    """Return the answer to a request, after checking what holds for every answer."""
    began = time.process_time()
    answer = await workspace.client.request(method, path, **request)
    seconds = time.process_time() - began

    count("corpus")
    assert answer.status_code < 500, answer.text
    assert seconds < LONGEST_WAIT
    if answer.status_code >= 400:
        assert len(answer.content) <= LONGEST_REFUSAL
        for inside in ("Traceback", "site-packages", "object at 0x"):
            assert inside not in answer.text
    return answer


async def refused(workspace: Workspace, method: str, path: str, **request: Any) -> str:
    """Return why a request is refused."""
    answer = await ask(workspace, method, path, **request)
    assert 400 <= answer.status_code < 500, answer.text
    return answer.text


async def all_is_well(workspace: Workspace) -> None:
    """Make sure that what was taken can be read again: one bad job must not hide all others."""
    for path in ("/api/2.2/jobs/list?expand_tasks=true", "/api/2.1/jobs/runs/list", "/"):
        answer = await workspace.client.get(path, headers={"host": "localhost"})
        assert answer.status_code == 200, answer.text


def with_extra(text: str) -> bytes:
    """Return the body of jobs/create with a field that nobody knows, be it JSON or not."""
    return json.dumps(job()).encode()[:-1] + f', "custom": {text}}}'.encode()


BODIES: Mapping[str, bytes] = {
    "an infinite number": with_extra("1e999"),
    "an infinite number in a list": with_extra("[-1e999]"),
    "no number": with_extra("NaN"),
    "a number of 5,000 digits": with_extra("9" * 5_000),
    "500 lists": with_extra("[" * 500 + "]" * 500),
    "100,000 lists": with_extra("[" * 100_000 + "]" * 100_000),
    "100,000 objects": b'{"a":' * 100_000,
    "half a character": with_extra('"\\ud800"'),
    "no object": b"[]",
    "no JSON": b"\xff\xfe",
    "a retry after many years": json.dumps(job(task(min_retry_interval_millis=2**62))).encode(),
    "a time-out after many years": json.dumps(job(timeout_seconds=2**62)).encode(),
    "more runs than there are": json.dumps(job(max_concurrent_runs=2**62)).encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_job_that_cannot_be_kept_is_refused(workspace: Workspace, body: bytes) -> None:
    """Neither kept nor a defect: what was kept and could not be shown would break every list from then on."""
    await refused(workspace, "POST", CREATE, content=body)
    await all_is_well(workspace)


PATHS: Mapping[str, str] = {
    "a million folders": "/" + "a/" * MEGABYTE,
    "five hundred folders": "/" + "a/" * 500,
    "a long name": "/" + "a" * 300,
    "a very long name": "/" + "a" * MEGABYTE,
    "out of it": "/../../etc/passwd",
    "out of it after a while": "/a/../../x",
    "a zero": "/a\0b",
    "no path": "etc/passwd",
    "the root": "/",
    "our own draft": "/.landfall-draft-x",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
async def test_path_that_is_none_is_refused(workspace: Workspace, tmp_path: Path, path: str) -> None:
    """Whatever is to be done with it, at once, and nothing is written anywhere."""
    content = base64.b64encode(b"x").decode()

    await refused(workspace, "POST", IMPORT, json={"path": path, "format": "AUTO", "content": content})
    if path != "/":
        await refused(workspace, "POST", "/api/2.0/workspace/mkdirs", json={"path": path})
    await refused(workspace, "POST", "/api/2.0/workspace/delete", json={"path": path, "recursive": True})
    if len(path) < 60_000 and path != "/":  # as long as a server reads an address
        await refused(workspace, "GET", "/api/2.0/workspace/export", params={"path": path})
        await refused(workspace, "GET", "/api/2.0/workspace/get-status", params={"path": path})

    assert list((tmp_path / "notebooks").iterdir()) == []


def jupyter(source: Any) -> bytes:
    """Return a notebook of one cell."""
    return json.dumps({"cells": [{"cell_type": "code", "source": source}], "nbformat": 4}).encode()


NOTEBOOKS: Mapping[str, bytes] = {
    "lines that are numbers": jupyter([1, 2]),
    "half a character": jupyter("\ud800"),
    "half a character in a line": jupyter(["a", "\udfff"]),
    "a cell that is a text": b'{"cells": ["x"]}',
    "cells that are none": b'{"cells": 5}',
    "deep lists": b'{"cells":' + b"[" * 100_000,
    "no JSON": b"\x80",
}


@pytest.mark.parametrize("content", NOTEBOOKS.values(), ids=NOTEBOOKS)
async def test_notebook_that_cannot_be_read_is_refused(workspace: Workspace, content: bytes) -> None:
    """When it is imported, and not when somebody wants it back."""
    body = {"path": "/x", "format": "JUPYTER", "content": base64.b64encode(content).decode()}

    await refused(workspace, "POST", IMPORT, json=body)


async def test_notebook_broken_on_disk_is_no_defect(workspace: Workspace, tmp_path: Path) -> None:
    """Others write there too: an editor, or the notebooks themselves."""
    for number, content in enumerate(NOTEBOOKS.values()):
        (tmp_path / "notebooks" / f"n{number}.ipynb").write_bytes(content)
        for form in ("SOURCE", "HTML"):
            await refused(workspace, "GET", "/api/2.0/workspace/export", params={"path": f"/n{number}", "format": form})


def part(head: bytes, content: bytes = b"x") -> bytes:
    """Return one part of a form."""
    return b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


FORMS: Mapping[str, bytes] = {
    "nothing": b"",
    "only boundaries": b"--b\r\n" * 100_000,
    "parts inside of parts": b"".join(
        b"--b%s\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (b"" if n == 0 else b"%d" % n, n + 1)
        for n in range(3_000)
    ),
    "a part without a name": part(b"Content-Disposition: form-data") + b"--b--",
    "a path that is no text": part(b'Content-Disposition: form-data; name="path"', b"\xff\xfe") + b"--b--",
    "an encoding": part(b'Content-Disposition: form-data; name="path"\r\nContent-Transfer-Encoding: x-uuencode')
    + b"--b--",
    "another character set": part(b"Content-Disposition: form-data; name*=nope''%ff") + b"--b--",
    "a very long header": part(b"X: " + b"y" * MEGABYTE) + b"--b--",
}


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS)
async def test_form_that_is_broken_is_refused(workspace: Workspace, body: bytes) -> None:
    """A form comes from a script, and is as hostile as any body."""
    await refused(workspace, "POST", IMPORT, content=body, headers={"content-type": "multipart/form-data; boundary=b"})


REFERENCES: Mapping[str, str] = {
    "openings": "{{" * 300_000,
    "openings with blanks": "{{ " * 200_000,
    "openings with tabs": "{{\t" * 200_000,
    "one opening and many blanks": "{{" + "\t" * 500_000,
    "names without an end": "{{job." + "a." * 250_000,
    "names with blanks": "{{job." + "a b." * 150_000,
    "names of dashes": "{{job." + "- " * 250_000,
    "backticks": "{{`" * 200_000,
    "references": "{{job.id}}" * 50_000,
    "nested": "{{" * 1_000 + "job.id" + "}}" * 1_000,
}


@pytest.mark.parametrize("text", REFERENCES.values(), ids=REFERENCES)
async def test_storm_of_braces_holds_nobody_up(workspace: Workspace, text: str) -> None:
    """Neither when the job is made nor when its task starts: a matcher that goes back would take for ever."""
    work = {"notebook_path": "/x", "base_parameters": {"a": text}}
    condition = {"op": "EQUAL_TO", "left": text, "right": "x"}
    tasks = [{"task_key": "a", "notebook_task": work}, {"task_key": "b", "condition_task": condition}]

    made = await ask(workspace, "POST", CREATE, json=job(*tasks))
    if made.status_code == 200:
        run = await ask(workspace, "POST", "/api/2.2/jobs/run-now", json={"job_id": made.json()["job_id"]})
        began = time.process_time()
        ended = await workspace.ended(run.json()["run_id"])
        assert time.process_time() - began < LONGEST_WAIT
        assert ended["state"]["life_cycle_state"] in {"TERMINATED", "INTERNAL_ERROR"}
    await all_is_well(workspace)


INPUTS: Mapping[str, str] = {
    "deep lists": "[" * 100_000,
    "a deep element": "[" + "[" * 600 + "]" * 600 + "]",
    "a million elements": "[" + ",".join(["1"] * MEGABYTE) + "]",
    "an object": '{"a": 1}',
    "an infinite number": "[1e999]",
    "no number": "[NaN]",
    "a long number": "[" + "9" * 5_000 + "]",
    "half a character": '["\\ud800"]',
    "references": '["{{job.id}}", "{{input}}"]',
    "a long text": json.dumps(["x" * MEGABYTE]),
}


@pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS)
async def test_hostile_inputs_end_their_run(workspace: Workspace, inputs: str) -> None:
    """The task fails or runs; the server goes on, and every page and list of it too."""
    inner = {"task_key": "x", "notebook_task": {"notebook_path": "/x", "base_parameters": {"i": "{{input}}"}}}
    loop = {"task_key": "loop", "for_each_task": {"inputs": inputs, "task": inner}}

    made = await ask(workspace, "POST", CREATE, json=job(loop))
    job_id = made.json()["job_id"]
    run = await ask(workspace, "POST", "/api/2.2/jobs/run-now", json={"job_id": job_id})
    ended = await workspace.ended(run.json()["run_id"])
    path = f"/jobs/{job_id}/runs/{ended['run_id']}"

    assert (await ask(workspace, "GET", path, headers={"host": "localhost"})).status_code == 200
    assert (await workspace.get("runs/get", run_id=ended["tasks"][0]["run_id"])).status_code == 200
    await all_is_well(workspace)


DIGITS = "9" * MEGABYTE
TRIGGERS: Mapping[str, Json] = {
    "an expression of stars": {"schedule": {"quartz_cron_expression": "* " * MEGABYTE, "timezone_id": "UTC"}},
    "a number of digits": {"schedule": {"quartz_cron_expression": f"0 0 0 {DIGITS} * ?", "timezone_id": "UTC"}},
    "a list of hours": {"schedule": {"quartz_cron_expression": f"0 0 {'1,' * MEGABYTE}1 * * ?", "timezone_id": "UTC"}},
    "a week of many": {"schedule": {"quartz_cron_expression": f"0 0 0 ? * 2#{'5' * 1_900}", "timezone_id": "UTC"}},
    "a step beyond": {"schedule": {"quartz_cron_expression": "0/99999999999 0 0 ? * 1", "timezone_id": "UTC"}},
    "a zone of letters": {"schedule": {"quartz_cron_expression": "0 0 0 * * ?", "timezone_id": "x" * MEGABYTE}},
    "a zone elsewhere": {"schedule": {"quartz_cron_expression": "0 0 0 * * ?", "timezone_id": "../../etc/passwd"}},
    "a place of folders": {"trigger": {"file_arrival": {"url": "file:/" + "a/" * MEGABYTE}}},
    "a place above": {"trigger": {"file_arrival": {"url": "dbfs:/../x"}}},
    "a place above, encoded": {"trigger": {"file_arrival": {"url": "file:/a/%2e%2e/x"}}},
    "a timer of years": {"trigger": {"file_arrival": {"url": "file:/x", "min_time_between_triggers_seconds": 2**62}}},
    "a period of years": {"trigger": {"periodic": {"interval": 2**62, "unit": "WEEKS"}}},
}


@pytest.mark.parametrize("trigger", TRIGGERS.values(), ids=TRIGGERS)
async def test_expression_of_a_megabyte_is_refused(workspace: Workspace, trigger: Json) -> None:
    """What starts a job is read again at every start: long or beyond the calendar, it is refused at once."""
    await refused(workspace, "POST", CREATE, json=job(**trigger))
    await all_is_well(workspace)


PERMISSIONS: Mapping[str, Json] = {
    "a list that is none": {"access_control_list": {"a": 1}},
    "a hundred thousand people": {
        "access_control_list": [{"user_name": f"u{n}", "permission_level": "CAN_VIEW"} for n in range(100_000)]
    },
    "a long name": {"access_control_list": [{"user_name": "x" * MEGABYTE, "permission_level": "IS_OWNER"}]},
    "a long level": {"access_control_list": [{"user_name": "a", "permission_level": "x" * MEGABYTE}]},
    "two owners": {"access_control_list": [{"user_name": name, "permission_level": "IS_OWNER"} for name in ("a", "b")]},
    "two names": {"access_control_list": [{"user_name": "a", "group_name": "b", "permission_level": "CAN_VIEW"}]},
}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("body", PERMISSIONS.values(), ids=PERMISSIONS)
async def test_permissions_that_are_none_are_refused(workspace: Workspace, method: str, body: Json) -> None:
    """And the job stays whose it was."""
    job_id = await workspace.create()
    before = (await workspace.client.get(f"/api/2.0/permissions/jobs/{job_id}")).json()

    await refused(workspace, method, f"/api/2.0/permissions/jobs/{job_id}", json=body)

    assert (await workspace.client.get(f"/api/2.0/permissions/jobs/{job_id}")).json() == before


ADDRESSES = (
    *("http://169.254.169.254/latest", "https://169.254.169.254/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/"),
    *(
        "https://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
        "https://0.0.0.0/",
        "http://2130706433/",
        "http://127.1/",
    ),
    *("file:///etc/passwd", "gopher://x", "//x", "https:///x", "https://user:pw@x/", "http://localhost@evil.example/"),
    *("http://localhost.evil.example/", "https://x:99999/", "https://[::1", "https://\\evil", "https://x/\r\nHost: y"),
    *("https://" + "a" * 3_000, "https://x/" + "y" * MEGABYTE, "https://\u0445.example/"),
)


@pytest.mark.parametrize("kind", ["generic_webhook", "slack", "microsoft_teams"])
@pytest.mark.parametrize("url", ADDRESSES, ids=lambda url: ascii(url[:40]))
async def test_address_that_leads_astray_is_refused(workspace: Workspace, kind: str, url: str) -> None:
    """Whoever may make destinations must not reach what only this machine or its neighbours do; nor in the open."""
    body = {"display_name": "x", "config": {kind: {"url": url}}}

    said = await refused(workspace, "POST", "/api/2.0/notification-destinations", json=body)

    assert url[:60] not in said  # it may hold a secret


NUMBERS = ("9" * 5_000, "9" * 25, "-1", "1e5", "%00", "%2e%2e", "\u0661", "x")


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: ascii(number[:10]))
async def test_number_that_is_none_leads_nowhere(workspace: Workspace, number: str) -> None:
    """In an address as in a query, at the API's doors as at the pages'."""
    for path in ("/jobs/{}", "/jobs/1/runs/{}", "/jobs/{}/runs/1", "/mail/{}", "/static/{}"):
        await refused(workspace, "GET", path.format(number), headers={"host": "localhost"})
    for path in ("permissions/jobs/{}", "permissions/jobs/{}/permissionLevels", "notification-destinations/{}"):
        await refused(workspace, "GET", f"/api/2.0/{path.format(number)}")
    for name, parameter in (("get", "job_id"), ("runs/get", "run_id"), ("list", "page_token"), ("runs/list", "limit")):
        await refused(workspace, "GET", f"/api/2.2/jobs/{name}", params={parameter: number})


def forged(header: Json, claims: Json, signature: str = "") -> str:
    """Return a JSON web token that we did not sign."""
    encoded = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=").decode() for each in (header, claims)]
    return ".".join([*encoded, signature])


CLAIMS: Json = {"sub": "app", "client_id": "app", "exp": 2**40, "iat": 0, "generation": 0, "scope": "all-apis"}
TOKENS: Mapping[str, str] = {
    "nothing": "",
    "no signature": forged({"alg": "none"}, CLAIMS),
    "no signature, in capitals": forged({"alg": "NONE", "typ": "JWT"}, CLAIMS),
    "a signature that is none": forged({"alg": "HS256", "typ": "JWT"}, CLAIMS, "AAAA"),
    "a key of its own": forged({"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}}, CLAIMS, "A" * 43),
    "three dots": "...",
    "a secret instead of a token": "dose-app",
    "a thousand dots": "." * 1_000,
    "the token, almost": TOKEN[:-1],
    "the token, and more": f"{TOKEN} {TOKEN}",
    "no ASCII": "\xe4\xff",
    "long": "x" * 50_000,
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
async def test_forged_token_opens_nothing(workspace: Workspace, token: str) -> None:
    """Neither the API nor the pages nor the faults, whatever its header claims about its signature."""
    for scheme in ("Bearer", "bearer", "Basic"):
        headers = {"authorization": f"{scheme} {token}".encode("latin-1"), "host": b"localhost"}
        for path in ("/api/2.2/jobs/list", "/api/2.0/preview/scim/v2/Me", "/"):
            answer = await ask(workspace, "GET", path, headers=headers)
            assert answer.status_code in {401, 403}, path
        answer = await ask(workspace, "DELETE", "/__workspace/faults", headers=headers)
        assert answer.status_code in {401, 403}


async def signed(workspace: Workspace) -> str:
    """Return a token that the workspace has given to its client."""
    form = {"grant_type": "client_credentials", "scope": "all-apis"}
    answer = await workspace.client.post("/oidc/v1/token", data=form, auth=("app", "dose-app"))
    return str(answer.json()["access_token"])


async def test_changed_token_is_worth_nothing(workspace: Workspace) -> None:
    """Each of its parts is signed, and one that names another client too."""
    token = await signed(workspace)
    header, claims, signature = token.split(".")
    other = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "sub": "ada@example.com"}).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()

    good = await ask(workspace, "GET", "/api/2.2/jobs/list", headers={"authorization": f"Bearer {token}"})
    assert good.status_code == 200
    for changed in (
        *(f"{none}.{claims}.", f"{none}.{claims}.{signature}", f"{header}.{other}.{signature}"),
        *(f"{header}.{claims}", f"{header}.{claims}.", f"{token}=", f"{claims}.{header}.{signature}", f"x.{token}"),
    ):
        answer = await ask(workspace, "GET", "/api/2.2/jobs/list", headers={"authorization": f"Bearer {changed}"})
        assert answer.status_code == 403, changed


async def test_token_of_another_workspace_is_worth_nothing(workspace: Workspace, tmp_path: Path) -> None:
    """The same client, the same secret, but another workspace's key."""
    settings = WorkspaceSettings(
        data=tmp_path / "other",
        notebooks=tmp_path / "notebooks",
        token=Secret("dapi-other"),
        clients={"app": Secret("dose-app")},
    )
    async with open_without_wire(settings, runner=ScriptedRunner(), clock=StandingClock()) as other:
        token = await signed(other)

    answer = await ask(workspace, "GET", "/api/2.2/jobs/list", headers={"authorization": f"Bearer {token}"})

    assert answer.status_code == 403


GRANT = b"grant_type=client_credentials&scope=all-apis"
SIGN_INS: Mapping[str, tuple[str, bytes]] = {
    "nothing": ("", b""),
    "no Base64": ("Basic ====", GRANT),
    "no colon": (f"Basic {base64.b64encode(b'app').decode()}", GRANT),
    "no text": (f"Basic {base64.b64encode(bytes([255, 58, 255])).decode()}", GRANT),
    "a wrong secret": (f"Basic {base64.b64encode(b'app:wrong').decode()}", GRANT),
    "another's secret": (f"Basic {base64.b64encode(f'app:{TOKEN}'.encode()).decode()}", GRANT),
    "nobody, without a secret": (f"Basic {base64.b64encode(b':').decode()}", GRANT),
    "a header and a form": (f"Basic {base64.b64encode(b'app:').decode()}", GRANT + b"&client_id=app&client_secret=x"),
    "a secret twice": ("", GRANT + b"&client_id=app&client_secret=dose-app&client_secret=x"),
    "another grant": ("", b"grant_type=password&client_id=app&client_secret=dose-app"),
    "another scope": ("", b"grant_type=client_credentials&scope=x&client_id=app&client_secret=dose-app"),
    "many fields": ("", b"a=b&" * 500_000),
    "no form": ("", b"\xff" * 1_000),
}


@pytest.mark.parametrize(("authorization", "body"), SIGN_INS.values(), ids=SIGN_INS)
async def test_wrong_sign_in_gets_no_token(workspace: Workspace, authorization: str, body: bytes) -> None:
    """And is not told which of the two was wrong."""
    headers = {"authorization": authorization} if authorization else {}
    content_type = {"content-type": "application/x-www-form-urlencoded"}

    said = await refused(workspace, "POST", "/oidc/v1/token", content=body, headers={**headers, **content_type})

    assert "access_token" not in said
    assert "dose-app" not in said
