"""Who may do what with a job: levels that include each other, and the check of a caller.

https://docs.databricks.com/aws/en/security/auth/access-control/#job-acls
"""

from __future__ import annotations

from localdev.workspace.access.access_level import Level
from localdev.workspace.access.identity import GROUP, OWNER, SERVICE_PRINCIPAL, USER, Principal
from localdev.workspace.api.endpoint import Call
from localdev.workspace.core import Core
from localdev.workspace.errors import ApiError, invalid, permission_denied
from localdev.workspace.json_fields import Document, Fields

Grants = dict[Principal, Level]

MOST_ENTRIES = 1000  # of one request; ours, as is the next
LONGEST_NAME = 256  # characters

# Two of the orders of words have been seen: https://github.com/databricks/databricks-sdk-py/issues/953 for viewing.
_WORDS = {
    Level.CAN_VIEW: "Admin or Manage Run or Owner or View",
    Level.CAN_MANAGE_RUN: "Manage Run or Owner or Admin",
    Level.CAN_MANAGE: "Manage or Owner or Admin",
}


def require(core: Core, call: Call, job_id: int, needed: Level) -> None:
    """Raise the 403 unless the caller holds a level of a job. A job that does not exist gives nobody a level.

    Databricks looks at permissions before it looks whether the job exists, so a deleted job is a 403 to all but admins
    (https://github.com/databricks/cli, libs/testserver).
    """
    if not is_allowed(core, call, job_id, needed):
        raise permission_denied(call.caller.name, _WORDS[needed], job_id)


def is_allowed(core: Core, call: Call, job_id: int, needed: Level) -> bool:
    """Tell whether the caller holds at least a level of a job."""
    if call.caller.is_admin:
        return True
    held = grants_of(core, job_id)
    return any(held.get(principal, 0) >= needed for principal in call.caller.principals)


def narrowed_to(call: Call) -> tuple[Principal, ...] | None:
    """Return whose permissions decide what a list shows to the caller, None for an admin, who sees all."""
    return None if call.caller.is_admin else call.caller.principals


def grants_of(core: Core, job_id: int) -> Grants:
    """Return who holds which level of a job, inherited ones apart."""
    return core.store.grants.of(job_id)


def first_grants(call: Call) -> Grants:
    """Return the permissions of a job that the caller has just made."""
    return {call.caller.principal: Level.IS_OWNER}


def read(fields: Fields) -> Grants:
    """Return the grants of an access_control_list; raises ApiError."""
    grants: Grants = {}
    entries = fields.objects("access_control_list")
    if len(entries) > MOST_ENTRIES:
        raise invalid(f"access_control_list has {len(entries)} entries, and at most {MOST_ENTRIES} are taken.")
    for entry in map(Fields, entries):
        named = [kind for kind in (USER, GROUP, SERVICE_PRINCIPAL) if entry.text(kind)]
        if len(named) != 1:
            raise invalid(f"Each access control names one of {USER}, {GROUP} and {SERVICE_PRINCIPAL}.")
        principal = Principal(kind=named[0], name=entry.text(named[0]))
        if len(principal.name) > LONGEST_NAME:
            raise invalid(f"{principal.kind} is longer than {LONGEST_NAME} characters.")
        grants[principal] = _level(entry.text("permission_level"), principal)
    if sum(level is Level.IS_OWNER for level in grants.values()) > 1:
        raise invalid("The job must have exactly one owner.")
    return grants


def with_changes(before: Grants, changes: Grants) -> Grants:
    """Return grants with some added or replaced; a new owner takes the place of the old one."""
    kept = before
    if Level.IS_OWNER in changes.values():
        kept = {principal: level for principal, level in before.items() if level is not Level.IS_OWNER}
    return with_owner({**kept, **changes})


def with_owner(grants: Grants) -> Grants:
    """Return grants that have an owner; raises ApiError for those without."""
    if Level.IS_OWNER not in grants.values():
        raise invalid("The job must have exactly one owner.")
    return grants


def owner_of(grants: Grants) -> str:
    """Return the name of a job's owner."""
    return next((principal.name for principal, level in grants.items() if level is Level.IS_OWNER), OWNER.name)


def acl_entry(principal: Principal, level: Level, inherited_from: str | None = None) -> Document:
    """Return one element of an access_control_list as it is shown."""
    permission: Document = {"permission_level": level.name, "inherited": inherited_from is not None}
    if inherited_from is not None:
        permission["inherited_from_object"] = [inherited_from]
    entry: Document = {principal.kind: principal.name, "all_permissions": [permission]}
    return entry if principal.kind == GROUP else {**entry, "display_name": principal.name}


def _level(text: str, principal: Principal) -> Level:
    try:
        level = Level[text]
    except KeyError:
        raise _unknown(text) from None
    if level is Level.IS_OWNER and principal.kind == GROUP:
        raise invalid("Groups can not be owners.")
    return level


def _unknown(text: str) -> ApiError:
    return invalid(f"permission_level is {text!r}; it must be one of {', '.join(level.name for level in Level)}.")
