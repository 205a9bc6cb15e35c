"""Who may do what: several callers, levels that include each other, and 403s in Databricks' words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from localdev.workspace.scripted_runner import ScriptedRunner
from shared.secret import Secret
from tests.localdev.workspace.kit import Json, Workspace, job, open_without_wire, sign_in, task, workspace_settings

USERS = {"ada": Secret("dapi-ada"), "bob": Secret("dapi-bob")}


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Workspace]:
    """Open a workspace with two users besides its owner."""
    settings = workspace_settings(tmp_path, users=USERS)
    async with open_without_wire(settings, runner=ScriptedRunner({"main": [None]})) as workspace:
        yield workspace


class Caller:
    """The workspace as one of its users sees it."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self._client = workspace.client
        self._headers = sign_in(USERS[name].reveal())

    async def post(self, endpoint: str, body: Json) -> Json:
        """Return a POST's status and answer in one."""
        answer = await self._client.post(f"/api/2.2/jobs/{endpoint}", json=body, headers=self._headers)
        return {**answer.json(), "http": answer.status_code}

    async def get(self, endpoint: str, **query: Any) -> Json:
        """Return a GET's status and answer in one."""
        answer = await self._client.get(f"/api/2.2/jobs/{endpoint}", params=query, headers=self._headers)
        return {**answer.json(), "http": answer.status_code}

    async def permissions(self, method: str, job_id: int, body: Json | None = None, suffix: str = "") -> Json:
        """Return the answer of the Permissions API."""
        path = f"/api/2.0/permissions/jobs/{job_id}{suffix}"
        answer = await self._client.request(method, path, json=body, headers=self._headers)
        return {**answer.json(), "http": answer.status_code}


async def granted(workspace: Workspace, job_id: int, *entries: Json) -> None:
    """Add permissions as the workspace's owner."""
    body = {"access_control_list": list(entries)}
    answer = await workspace.client.patch(f"/api/2.0/permissions/jobs/{job_id}", json=body)
    assert answer.status_code == 200, answer.text


def may(name: str, level: str, kind: str = "user_name") -> Json:
    """Return an element of an access_control_list."""
    return {kind: name, "permission_level": level}


async def test_run_of_a_strangers_job_is_a_403(shared: Workspace) -> None:
    """The words are those of a real workspace."""
    job_id = await shared.create()

    answer = await Caller(shared, "ada").post("run-now", {"job_id": job_id})

    assert (answer["http"], answer["error_code"]) == (403, "PERMISSION_DENIED")
    expected = f'User "ada" does not have Manage Run or Owner or Admin permissions on job {job_id}'
    assert answer["message"] == expected


async def test_permission_is_checked_before_existence(shared: Workspace) -> None:
    """https://github.com/databricks/cli, libs/testserver: a deleted job is a 403 to all but admins."""
    ada = Caller(shared, "ada")
    own = (await ada.post("create", job()))["job_id"]
    await ada.post("delete", {"job_id": own})

    answers = [await ada.post("run-now", {"job_id": job_id}) for job_id in (own, 998)]
    owners = await shared.post("run-now", {"job_id": own})

    assert [each["http"] for each in answers] == [403, 403]
    assert (owners.status_code, owners.json()["message"]) == (400, f"Job {own} does not exist.")


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("CAN_VIEW", [200, 403, 403, 403]),
        ("CAN_MANAGE_RUN", [200, 200, 200, 403]),
        ("CAN_MANAGE", [200, 200, 200, 200]),
    ],
)
async def test_levels_include_those_before_them(shared: Workspace, level: str, expected: list[int]) -> None:
    """Reading, running and cancelling, editing."""
    job_id = await shared.create(task("quick"))
    await granted(shared, job_id, may("ada", level))
    ada = Caller(shared, "ada")

    statuses = [
        (await ada.get("get", job_id=job_id))["http"],
        (await ada.post("run-now", {"job_id": job_id}))["http"],
        (await ada.post("runs/cancel-all", {"job_id": job_id}))["http"],
        (await ada.post("update", {"job_id": job_id, "new_settings": {"name": "x"}}))["http"],
    ]

    assert statuses == expected


@pytest.mark.parametrize(
    ("method", "endpoint"),
    [
        ("GET", "runs/get"),
        ("GET", "runs/get-output"),
        ("GET", "runs/export"),
        ("POST", "runs/cancel"),
        ("POST", "runs/delete"),
        ("POST", "runs/repair"),
    ],
)
async def test_runs_are_as_private_as_their_job(shared: Workspace, method: str, endpoint: str) -> None:
    """Whatever is asked of a stranger's run is a 403 that names the job."""
    job_id = await shared.create(task("quick"))
    run = await shared.ended(await shared.run_now(job_id))
    run_id = run["tasks"][0]["run_id"] if endpoint in {"runs/get-output", "runs/export"} else run["run_id"]
    bob = Caller(shared, "bob")

    answer = await (bob.get(endpoint, run_id=run_id) if method == "GET" else bob.post(endpoint, {"run_id": run_id}))

    assert (answer["http"], answer["error_code"]) == (403, "PERMISSION_DENIED")
    assert answer["message"].endswith(f"permissions on job {job_id}")


async def test_lists_show_what_one_may_see(shared: Workspace) -> None:
    """Jobs and runs, one's own and those granted, also to everybody."""
    ada = Caller(shared, "ada")
    await shared.create()
    own = (await ada.post("create", job(task("quick"))))["job_id"]
    public = await shared.create(task("quick"))
    await granted(shared, public, may("users", "CAN_VIEW", "group_name"))
    await shared.run_now(public)

    jobs = await ada.get("list")
    runs = await ada.get("runs/list")
    bobs = await Caller(shared, "bob").get("list")

    assert [each["job_id"] for each in jobs["jobs"]] == [public, own]
    assert [each["job_id"] for each in runs["runs"]] == [public]
    assert [each["job_id"] for each in bobs["jobs"]] == [public]


async def test_creator_owns_a_job(shared: Workspace) -> None:
    """Jobs and runs say who made them, and who runs them."""
    ada = Caller(shared, "ada")
    job_id = (await ada.post("create", job(task("quick"))))["job_id"]
    run_id = (await ada.post("run-now", {"job_id": job_id}))["run_id"]

    made = await ada.get("get", job_id=job_id)
    run = await ada.get("runs/get", run_id=run_id)
    acl = await ada.permissions("GET", job_id)

    assert (made["creator_user_name"], made["run_as_user_name"], run["creator_user_name"]) == ("ada", "ada", "ada")
    assert (acl["object_id"], acl["object_type"]) == (f"/jobs/{job_id}", "job")
    assert acl["access_control_list"] == [
        {
            "user_name": "ada",
            "display_name": "ada",
            "all_permissions": [{"permission_level": "IS_OWNER", "inherited": False}],
        },
        {
            "group_name": "admins",
            "all_permissions": [
                {"permission_level": "CAN_MANAGE", "inherited": True, "inherited_from_object": ["/jobs/"]}
            ],
        },
    ]


async def test_put_replaces_and_patch_adds(shared: Workspace) -> None:
    """A PUT without an owner is refused; a PATCH that names one moves the ownership."""
    job_id = await shared.create()
    ada, bob = Caller(shared, "ada"), Caller(shared, "bob")
    await granted(shared, job_id, may("ada", "CAN_MANAGE"))

    ownerless = await ada.permissions("PUT", job_id, {"access_control_list": [may("bob", "CAN_VIEW")]})
    moved = await ada.permissions("PATCH", job_id, {"access_control_list": [may("bob", "IS_OWNER")]})
    replaced = await bob.permissions("PUT", job_id, {"access_control_list": [may("bob", "IS_OWNER")]})
    locked_out = await ada.permissions("GET", job_id)

    assert (ownerless["http"], ownerless["message"]) == (400, "The job must have exactly one owner.")
    assert [each.get("user_name") for each in moved["access_control_list"]] == ["ada", "bob", None]
    assert [each.get("user_name") for each in replaced["access_control_list"]] == ["bob", None]
    assert locked_out["http"] == 403


@pytest.mark.parametrize(
    "entry",
    [
        {"permission_level": "CAN_VIEW"},
        {"user_name": "ada", "group_name": "users", "permission_level": "CAN_VIEW"},
        {"user_name": "ada", "permission_level": "CAN_DO"},
        {"user_name": "ada"},
        {"group_name": "users", "permission_level": "IS_OWNER"},
    ],
)
async def test_permissions_that_make_no_sense_are_refused(shared: Workspace, entry: Json) -> None:
    """One principal each, a known level, and no group for an owner."""
    job_id = await shared.create()

    answer = await shared.client.patch(f"/api/2.0/permissions/jobs/{job_id}", json={"access_control_list": [entry]})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


async def test_submitted_run_can_be_shown_to_others(shared: Workspace) -> None:
    """access_control_list of runs/submit says to whom."""
    body = {"tasks": [task("quick")], "access_control_list": [may("bob", "CAN_VIEW")]}

    run_id = (await Caller(shared, "ada").post("runs/submit", body))["run_id"]

    assert (await Caller(shared, "bob").get("runs/get", run_id=run_id))["http"] == 200
    assert (await Caller(shared, "bob").post("runs/cancel", {"run_id": run_id}))["http"] == 403


async def test_workspace_wide_cancel_ends_what_one_may_cancel(shared: Workspace) -> None:
    """all_queued_runs without a job reaches every queued run, but no stranger's."""
    mine, other = await shared.create(), await shared.create()
    await granted(shared, mine, may("ada", "CAN_MANAGE_RUN"))
    await shared.run_now(mine)
    await shared.run_now(other)
    queued = [await shared.run_now(mine), await shared.run_now(other)]

    await Caller(shared, "ada").post("runs/cancel-all", {"all_queued_runs": True})
    ended = await shared.ended(queued[0])

    assert ended["state"]["result_state"] == "CANCELED"
    assert (await shared.run(queued[1]))["state"]["life_cycle_state"] == "QUEUED"


async def test_everyone_can_ask_who_they_are(shared: Workspace) -> None:
    """preview/scim/v2/Me, as the SDK asks it."""
    path = "/api/2.0/preview/scim/v2/Me"
    owner = (await shared.client.get(path)).json()
    ada = (await shared.client.get(path, headers=sign_in("dapi-ada"))).json()

    assert (owner["userName"], [each["display"] for each in owner["groups"]]) == (
        "landfall@localhost",
        ["admins", "users"],
    )
    assert (ada["userName"], [each["display"] for each in ada["groups"]]) == ("ada", ["users"])
    assert owner["id"] != ada["id"]


async def test_permissions_outlive_a_restart(tmp_path: Path) -> None:
    """They are kept with the job."""
    settings = workspace_settings(tmp_path, users=USERS)
    async with open_without_wire(settings, runner=ScriptedRunner()) as before:
        job_id = await before.create()
        await granted(before, job_id, may("ada", "CAN_VIEW"))

    async with open_without_wire(settings, runner=ScriptedRunner()) as after:
        seen = await Caller(after, "ada").get("get", job_id=job_id)
        hidden = await Caller(after, "bob").get("get", job_id=job_id)

    assert (seen["http"], hidden["http"]) == (200, 403)


async def test_faults_are_the_owners_alone(tmp_path: Path) -> None:
    """Another user cannot plan one."""
    settings = workspace_settings(tmp_path, users=USERS, faults=True)
    async with open_without_wire(settings, runner=ScriptedRunner()) as workspace:
        answer = await workspace.client.post("/__workspace/faults", json={"pattern": "*"}, headers=sign_in("dapi-ada"))

    assert answer.status_code == 403
