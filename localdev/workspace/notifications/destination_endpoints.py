"""The Notification Destinations API, 2.0: create, list, get, update and delete.

https://docs.databricks.com/api/workspace/notificationdestinations
"""

from __future__ import annotations

import uuid

from localdev.workspace.api import paging
from localdev.workspace.api.endpoint import Call
from localdev.workspace.core import Core
from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Document
from localdev.workspace.notifications import destinations
from localdev.workspace.notifications.destinations import Destination

DESTINATIONS_IN_A_PAGE = 20
MOST_DESTINATIONS_IN_A_PAGE = 100


def create(core: Core, call: Call) -> Document:
    """Create a destination; names need not be unique."""
    _require_admin(call)
    made = destinations.read(str(uuid.uuid4()), call.body, None, allow_http=core.allow_http_webhooks)
    core.store.destinations.save(made)
    return _view(made)


def list_all(core: Core, call: Call) -> Document:
    """Show the destinations, the oldest first, without their configurations."""
    fields = call.fields()
    size = fields.whole_number("page_size", DESTINATIONS_IN_A_PAGE, least=1, most=MOST_DESTINATIONS_IN_A_PAGE)
    token = fields.text("page_token")
    after = paging.place_of(token, 1)[0] if token else 0
    found = core.store.destinations.page(after, size + 1)
    view: Document = {}
    if found:
        view["results"] = [_summary(destination) for _, destination in found[:size]]
    if len(found) > size:
        view["next_page_token"] = paging.token_of((found[size - 1][0],))
    return view


def get(core: Core, call: Call) -> Document:
    """Show a destination, and nothing of it that is secret; its configuration to admins only."""
    found = _existing(core, call)
    return _view(found) if call.caller.is_admin else _summary(found)


def update(core: Core, call: Call) -> Document:
    """Change a destination's name, its configuration or both; its type stays."""
    _require_admin(call)
    old = _existing(core, call)
    if not call.body.keys() & {"config", "display_name"}:
        raise invalid("At least one of config and display_name is required.")
    changed = destinations.read(old.id, call.body, old, allow_http=core.allow_http_webhooks)
    core.store.destinations.save(changed)
    return _view(changed)


def delete(core: Core, call: Call) -> Document:
    """Delete a destination; the jobs that name it keep its id, and tell it nothing."""
    _require_admin(call)
    core.store.destinations.delete(_existing(core, call).id)
    return {}


def _require_admin(call: Call) -> None:
    if not call.caller.is_admin:
        raise destinations.not_admin(call.caller.name)


def _existing(core: Core, call: Call) -> Destination:
    found = core.store.destinations.get(call.path["id"])
    if found is None:
        raise destinations.missing(call.path["id"])
    return found


def _summary(destination: Destination) -> Document:
    return {"id": destination.id, "display_name": destination.name, "destination_type": destination.type.value}


def _view(destination: Destination) -> Document:
    return {**_summary(destination), "config": destination.config()}
