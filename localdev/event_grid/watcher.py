"""Looks at the listings of landing containers, again and again, and tells what changed since the last look."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, ResourceNotFoundError

from localdev.event_grid.blob_changes import BlobState, Change, change_between
from localdev.event_grid.listing import list_states
from shared.containers import is_system_container
from shared.logs import fact, warning

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient

_ACCOUNT = ""  # stands for the account in the list of what cannot be read


class Watcher:
    """Remembers what it saw last, so that an outage delays changes and loses none but the intermediate ones.

    The first look at a container that exists when watching starts is the baseline: its blobs are no changes, unless
    `announce_existing`. Everything in a container that appears later is new. When a container is deleted, its blobs
    are forgotten without a change each. `containers` limits the watch, empty means all; system containers and
    `excluded` ones are never watched.
    """

    def __init__(
        self,
        service: BlobServiceClient,
        *,
        containers: Collection[str] = (),
        excluded: Collection[str] = (),
        announce_existing: bool = False,
    ) -> None:
        self._service = service
        self._containers = frozenset(containers)
        self._excluded = frozenset(excluded)
        self._known: dict[str, dict[str, BlobState]] = {}
        self._baseline_due: set[str] = set()  # existed at the first look, and could not be listed yet
        self._announce_existing = announce_existing
        self._first_look = True
        self._troubles: dict[str, str] = {}

    @property
    def has_looked(self) -> bool:
        """Tell whether the baseline is taken: what is written from now on is a change."""
        return not self._first_look

    async def look(self) -> list[Change]:
        """Return what changed since the last look, oldest first; what cannot be read is looked at the next time.

        A failure is logged when it begins and when it is over, and never raised.
        """
        names = await self._names()
        if names is None:
            return []
        changes: list[Change] = []
        for name in names:
            changes += await self._container_changes(name)
        for gone in self._known.keys() - set(names):
            del self._known[gone]
        self._first_look = False
        return sorted(changes, key=lambda change: (change.state.last_modified, change.path))

    async def _names(self) -> list[str] | None:
        try:
            existing = [container.name async for container in self._service.list_containers()]
        except (AzureError, OSError) as error:
            self._failed(_ACCOUNT, error)
            return None
        self._recovered(_ACCOUNT)
        return [name for name in existing if self._watches(name)]

    def _watches(self, name: str) -> bool:
        if name in self._excluded or is_system_container(name):
            return False
        return not self._containers or name in self._containers

    async def _container_changes(self, name: str) -> list[Change]:
        before = self._known.get(name, {})
        try:
            now = await list_states(self._service.get_container_client(name), before)
        except ResourceNotFoundError:  # deleted since the containers were listed
            return []
        except (AzureError, OSError) as error:
            self._failed(name, error)
            if self._first_look:
                self._baseline_due.add(name)
            return []
        self._recovered(name)
        self._known[name] = now
        if self._is_baseline(name):
            return []
        paths = before.keys() | now.keys()
        found = (change_between(name, path, before.get(path), now.get(path)) for path in paths)
        return [change for change in found if change]

    def _is_baseline(self, name: str) -> bool:
        due = name in self._baseline_due
        self._baseline_due.discard(name)
        return (self._first_look or due) and not self._announce_existing

    def _failed(self, what: str, error: BaseException) -> None:
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        if what not in self._troubles:
            warning("eventgrid.watch_failed", container=what or "(all)", reason=reason)
        self._troubles[what] = reason

    def _recovered(self, what: str) -> None:
        if self._troubles.pop(what, None) is not None:
            fact("eventgrid.watch_recovered", container=what or "(all)")
