"""permissions/jobs/{job_id}, of the Permissions API 2.0, and preview/scim/v2/Me: who the caller is."""

from __future__ import annotations

import hashlib

from localdev.workspace.access import permissions
from localdev.workspace.access.access_level import Level
from localdev.workspace.access.identity import ADMINS, GROUP, Principal
from localdev.workspace.access.permissions import Grants
from localdev.workspace.api.endpoint import Call
from localdev.workspace.core import Core
from localdev.workspace.errors import job_missing
from localdev.workspace.json_fields import Document, Fields

_DESCRIPTIONS = {
    Level.CAN_VIEW: "Can view settings and results of the job",
    Level.CAN_MANAGE_RUN: "Can view, run and cancel the job",
    Level.CAN_MANAGE: "Can view, run, cancel and edit the job, and change its permissions",
    Level.IS_OWNER: "Is the one as whom the job runs",
}


def get(core: Core, call: Call) -> Document:
    """Show who may do what with a job."""
    job_id = _job_id(core, call, Level.CAN_VIEW)
    return _view(job_id, permissions.grants_of(core, job_id))


def replace(core: Core, call: Call) -> Document:
    """Replace (PUT) all permissions of a job but the inherited ones."""
    job_id = _job_id(core, call, Level.CAN_MANAGE)
    return _save(core, job_id, permissions.with_owner(permissions.read(Fields(call.body))))


def change(core: Core, call: Call) -> Document:
    """Add (PATCH) permissions of a job, or replace those of the same principals."""
    job_id = _job_id(core, call, Level.CAN_MANAGE)
    changes = permissions.read(Fields(call.body))
    return _save(core, job_id, permissions.with_changes(permissions.grants_of(core, job_id), changes))


def levels(core: Core, call: Call) -> Document:
    """Show which levels there are."""
    _job_id(core, call, Level.CAN_VIEW)
    shown = [{"permission_level": level.name, "description": text} for level, text in _DESCRIPTIONS.items()]
    return {"permission_levels": shown}


def who_am_i(core: Core, call: Call) -> Document:
    """Show the caller, in the words of SCIM. https://docs.databricks.com/api/workspace/currentuser/me."""
    del core
    caller = call.caller
    groups = [{"display": name, "type": "direct", "value": _number(name)} for name in caller.groups]
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": _number(caller.name),
        "userName": caller.name,
        "displayName": caller.name,
        "active": True,
        "groups": groups,
    }


def _job_id(core: Core, call: Call, needed: Level) -> int:
    job_id = Fields(call.path).identifier("job_id")
    permissions.require(core, call, job_id, needed)
    if core.store.jobs.get(job_id) is None:
        raise job_missing(job_id)
    return job_id


def _save(core: Core, job_id: int, grants: Grants) -> Document:
    with core.store.transaction():
        core.store.grants.replace(job_id, grants)
    return _view(job_id, grants)


def _view(job_id: int, grants: Grants) -> Document:
    entries = [permissions.acl_entry(principal, level) for principal, level in grants.items()]
    admins = permissions.acl_entry(Principal(kind=GROUP, name=ADMINS), Level.CAN_MANAGE, inherited_from="/jobs/")
    return {"object_id": f"/jobs/{job_id}", "object_type": "job", "access_control_list": [*entries, admins]}


def _number(name: str) -> str:
    """Return the id of a name: always the same one, and a string of digits as the cloud's."""
    return str(int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big"))
