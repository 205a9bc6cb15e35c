"""Notification destinations, through the API and with Databricks' own SDK."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.settings import (
    Config,
    DestinationType,
    EmailConfig,
    GenericWebhookConfig,
    MicrosoftTeamsConfig,
    SlackConfig,
)

from localdev.workspace.notifications.destinations import read
from localdev.workspace.scripted_runner import ScriptedRunner
from localdev.workspace.storage.store import FILE_NAME
from shared.secret import Secret
from tests.localdev.workspace.kit import (
    TOKEN,
    Json,
    StandingClock,
    Workspace,
    job,
    open_without_wire,
    sign_in,
    workspace_settings,
)

PATH = "/api/2.0/notification-destinations"
WEBHOOK = {"url": "https://hooks.example.test/canary-path", "username": "me", "password": "canary-password"}
CANARIES = ("canary-path", "canary-password")


def asked(config: Json, name: str = "Team") -> Json:
    """Return the body of a creation."""
    return {"display_name": name, "config": config}


async def created(workspace: Workspace, config: Json, name: str = "Team") -> Json:
    """Create a destination; return it as it is shown."""
    answer = await workspace.client.post(PATH, json=asked(config, name))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def refused(workspace: Workspace, config: Json) -> str:
    """Return with what words a configuration is refused."""
    answer = await workspace.client.post(PATH, json=asked(config))
    assert answer.status_code == 400, answer.text
    return str(answer.json()["message"])


async def test_secrets_are_never_shown(scripted: Workspace) -> None:
    """Neither the url, which is one for Slack and Teams, nor the password: only that they are set."""
    made = await created(scripted, {"generic_webhook": WEBHOOK})
    one = await scripted.client.get(f"{PATH}/{made['id']}")
    listed = await scripted.client.get(PATH)
    changed = await scripted.client.patch(f"{PATH}/{made['id']}", json={"display_name": "Others"})

    assert made["config"] == {"generic_webhook": {"url_set": True, "username_set": True, "password_set": True}}
    assert made["destination_type"] == "WEBHOOK"
    for answer in (one, listed, changed):
        assert answer.status_code == 200
        assert not [canary for canary in CANARIES if canary in answer.text]


async def test_change_keeps_what_it_does_not_say(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> None:
    """Whoever sets a new password cannot have read the url."""
    settings = workspace_settings(tmp_path)
    async with open_without_wire(settings, clock=clock, runner=runner) as workspace:
        made = await created(workspace, {"generic_webhook": {"url": "https://a.example/x"}})
        change = {"config": {"generic_webhook": {"username": "me", "password": "new"}}}
        changed = (await workspace.client.patch(f"{PATH}/{made['id']}", json=change)).json()

    assert changed["config"]["generic_webhook"] == {"url_set": True, "username_set": True, "password_set": True}
    assert (changed["id"], changed["display_name"]) == (made["id"], "Team")


async def test_type_cannot_be_changed(scripted: Workspace) -> None:
    """As the SDK's docstring says of `destination_type`."""
    made = await created(scripted, {"slack": {"url": "https://hooks.slack.com/services/x"}})

    answer = await scripted.client.patch(f"{PATH}/{made['id']}", json={"config": {"email": {"addresses": ["a@b.c"]}}})

    assert answer.status_code == 400
    assert "cannot be changed: it is SLACK" in answer.json()["message"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "exactly one of"),
        ({"slack": {"url": "https://a.b"}, "email": {"addresses": ["a@b.c"]}}, "exactly one of"),
        ({"pagerduty": {"integration_key": "x"}}, "pagerduty is not supported"),
        ({"slack": {"oauth_token": "x", "channel_id": "y"}}, "slack.channel_id"),
        ({"generic_webhook": {}}, "generic_webhook.url is missing"),
        ({"generic_webhook": {"url": "ftp://a.b/c"}}, "must begin with https://"),
        ({"generic_webhook": {"url": "http://example.test/hook"}}, "--allow-http-webhooks"),
        ({"generic_webhook": {"url": "http://127.0.0.1.example.test/hook"}}, "--allow-http-webhooks"),
        ({"generic_webhook": {"url": "http://localhost@example.test/hook"}}, "holds credentials"),
        ({"generic_webhook": {"url": "https://me:secret@example.test/hook"}}, "holds credentials"),
        ({"generic_webhook": {"url": "https://a.b:99999/"}}, "is no URL"),
        ({"generic_webhook": {"url": "https://a.b/\r\nX: y"}}, "is no URL"),
        ({"generic_webhook": {"url": "https://"}}, "is no URL"),
        ({"generic_webhook": {"url": 7}}, "Expected string"),
        ({"email": {"addresses": []}}, "email.addresses is empty"),
        ({"email": {"addresses": ["a@b.c\nBcc: d@e.f"]}}, "is no e-mail address"),
    ],
)
async def test_what_cannot_be_reached_is_refused(scripted: Workspace, config: Json, words: str) -> None:
    """By name, and without repeating what may be a secret."""
    message = await refused(scripted, config)

    assert words in message
    assert "secret" not in message


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:80/", "http://127.9.9.9/"])
async def test_this_machine_is_reached_without_tls(scripted: Workspace, url: str) -> None:
    """What never leaves it needs no certificate."""
    assert (await created(scripted, {"generic_webhook": {"url": url}}))["destination_type"] == "WEBHOOK"


async def test_unknown_destination_is_missing(scripted: Workspace) -> None:
    """A 404 for get, update and delete."""
    for method in ("GET", "PATCH", "DELETE"):
        answer = await scripted.client.request(method, f"{PATH}/nobody", json={"display_name": "x"})

        assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


async def test_pages_follow_each_other(scripted: Workspace) -> None:
    """The oldest first; an empty list has no results."""
    empty = (await scripted.client.get(PATH)).json()
    for name in "abc":
        await created(scripted, {"email": {"addresses": ["a@b.c"]}}, name)
    first = (await scripted.client.get(PATH, params={"page_size": 2})).json()
    rest = (await scripted.client.get(PATH, params={"page_token": first["next_page_token"]})).json()

    assert empty == {}
    assert [each["display_name"] for each in first["results"]] == ["a", "b"]
    assert [each["display_name"] for each in rest["results"]] == ["c"]
    assert "next_page_token" not in rest


async def test_jobs_name_destinations_that_exist(scripted: Workspace) -> None:
    """At creation, update, reset and submission alike."""
    made = await created(scripted, {"email": {"addresses": ["a@b.c"]}})
    bad: Json = {"webhook_notifications": {"on_failure": [{"id": "slack-webhook-id"}]}}
    job_id = await scripted.create(webhook_notifications={"on_failure": [{"id": made["id"]}]})

    answers = [
        await scripted.post("create", job(**bad)),
        await scripted.post("update", {"job_id": job_id, "new_settings": bad}),
        await scripted.post("reset", {"job_id": job_id, "new_settings": job(**bad)}),
        await scripted.post("runs/submit", {**job(), **bad}),
    ]

    for answer in answers:
        assert answer.status_code == 400, answer.text
        assert "Webhook with id 'slack-webhook-id' was not found." in answer.json()["message"]


async def test_only_admins_change_destinations(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> None:
    """Others see that there are some, and not how they are set up."""
    settings = workspace_settings(tmp_path, users={"ann": Secret("dapi-ann")})
    async with open_without_wire(settings, clock=clock, runner=runner) as workspace:
        made = await created(workspace, {"generic_webhook": WEBHOOK})
        ann = dict(sign_in("dapi-ann"))
        seen = await workspace.client.get(f"{PATH}/{made['id']}", headers=ann)
        answers = [
            await workspace.client.post(PATH, json=asked({"generic_webhook": WEBHOOK}), headers=ann),
            await workspace.client.patch(f"{PATH}/{made['id']}", json={"display_name": "x"}, headers=ann),
            await workspace.client.delete(f"{PATH}/{made['id']}", headers=ann),
        ]

    assert "config" not in seen.json()
    assert [answer.status_code for answer in answers] == [403] * 3
    assert {answer.json()["error_code"] for answer in answers} == {"PERMISSION_DENIED"}


async def test_destinations_survive_a_restart(tmp_path: Path, clock: StandingClock, runner: ScriptedRunner) -> None:
    """With everything that has to be sent, in a file of the owner's."""
    settings = workspace_settings(tmp_path)
    async with open_without_wire(settings, clock=clock, runner=runner) as workspace:
        made = await created(workspace, {"generic_webhook": WEBHOOK})
    async with open_without_wire(settings, clock=clock, runner=runner) as workspace:
        found = (await workspace.client.get(f"{PATH}/{made['id']}")).json()

    assert found == made
    assert settings.data.stat().st_mode & 0o077 == 0
    assert b"canary-password" in (settings.data / FILE_NAME).read_bytes()


def test_secrets_are_in_no_repr() -> None:
    """A destination may end up in a traceback."""
    shown = repr(read("id", asked({"generic_webhook": WEBHOOK}), None, allow_http=False))

    assert not [canary for canary in CANARIES if canary in shown]


def exercised(url: str) -> dict[str, Any]:
    """Do all that the SDK can do; return what it made of the answers."""
    api = WorkspaceClient(host=url, token=TOKEN).notification_destinations
    kinds = [
        Config(email=EmailConfig(addresses=["a@b.c"])),
        Config(slack=SlackConfig(url="https://hooks.slack.com/services/x")),
        Config(microsoft_teams=MicrosoftTeamsConfig(url="https://teams.example/x")),
        Config(generic_webhook=GenericWebhookConfig.from_dict(WEBHOOK)),
    ]
    made = [api.create(config=config, display_name=f"d{number}") for number, config in enumerate(kinds)]
    ids = [each.id or "" for each in made]
    renamed = api.update(ids[0], display_name="renamed", config=Config(email=EmailConfig(addresses=["d@e.f"])))
    api.delete(ids[1])
    listed = list(api.list(page_size=2))
    got = api.get(ids[3])
    return {"made": made, "renamed": renamed, "listed": listed, "got": got}


async def test_official_sdk_works(served: Workspace) -> None:
    """As against Databricks: every method, and every type we have."""
    found = await asyncio.to_thread(exercised, served.url)

    assert [each.destination_type for each in found["made"]] == [
        DestinationType.EMAIL,
        DestinationType.SLACK,
        DestinationType.MICROSOFT_TEAMS,
        DestinationType.WEBHOOK,
    ]
    assert found["renamed"].display_name == "renamed"
    assert found["renamed"].config.email.addresses == ["d@e.f"]
    assert [each.display_name for each in found["listed"]] == ["renamed", "d2", "d3"]
    assert found["got"].config.generic_webhook.password_set is True
    assert found["got"].config.generic_webhook.password is None
