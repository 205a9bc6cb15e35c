"""The proxies between the hosts and all that they talk to, and how often what goes wrong there.

Each host has its own before Blob, Table and Queue Storage. All share the one before the workspace, for its address is
part of every run's token: hosts that know it by different addresses would be different deployments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import Self

from localdev.azurite import Azurite
from shared.storage_connection import EMULATOR_ACCOUNT, EMULATOR_KEY
from tests.proxies.faults import BEFORE, Fault, Kind
from tests.proxies.operations import blob_operation, jobs_operation, queue_operation, table_operation
from tests.proxies.plan import FaultPlan
from tests.proxies.proxy import FaultProxy

_STORAGE_NAMERS = {"blob": blob_operation, "table": table_operation, "queue": queue_operation}
_BROKEN = [
    Fault(Kind.LATENCY, seconds=0.7),
    Fault(Kind.RESET_BEFORE),
    Fault(Kind.RESET_AFTER),
    Fault(Kind.HALF_CLOSE),
    Fault(Kind.DROP_AFTER),
    Fault(Kind.UNAVAILABLE_BEFORE),
    Fault(Kind.UNAVAILABLE_AFTER),
    Fault(Kind.SERVER_ERROR),
    Fault(Kind.SLOW_BODY, seconds=0.7),
    Fault(Kind.TRUNCATED),
    Fault(Kind.CUT_OFF),
]
_PAST = "Wed, 21 Oct 2015 07:28:00 GMT"
_THROTTLED = [Fault(Kind.THROTTLED, retry_after=text) for text in (None, "1", "-5", _PAST)]
_ENDLESS = Fault(Kind.THROTTLED, retry_after="1000000000")
_LOGIN = Fault(Kind.LOGIN_PAGE)
# Shares of the requests. Listings are few, so that more of them must go wrong for each kind to happen.
STORAGE = {
    "table": {"transact": 0.03, "read": 0.02, "range": 0.01},
    "blob": {"list": 0.1, "time": 0.05, "properties": 0.04},
    "queue": {"send": 0.1, "receive": 0.05, "delete": 0.1},
}
JOBS = {"jobs/run-now": 0.07, "jobs/runs/get": 0.1, "jobs/runs/list": 0.1, "jobs/list": 0.05}
# A login page where a run was asked for stops the whole rule for a minute, so this is said and not drawn. So is a 429
# that asks for years: a host keeps from asking again for as long as that is believed, five minutes, and once all hosts
# had met one, nothing would go on for that long.
_FROM_RUN_NOW_ON = ("jobs/run-now", "jobs/list")
# Who receives a message hides it for ten minutes from all others: an answer that is lost would cost a sweep that long.
_KEPT_FROM_OTHERS = ("receive",)


class Trouble:
    """All proxies of a fleet; they let everything pass until `begin`."""

    def __init__(self, storage: Azurite, workspace: str, hosts: int, seed: int) -> None:
        self.jobs = FaultProxy(workspace, FaultPlan(f"{seed} jobs"), jobs_operation)
        self.storage = [_before(storage, f"{seed} {number}") for number in range(hosts)]
        self._resources = AsyncExitStack()
        self._plan()
        self._rest(resting=True)

    async def __aenter__(self) -> Self:
        for _, proxy in self._all():
            await self._resources.enter_async_context(proxy)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._resources.aclose()

    def connection_string(self, number: int) -> str:
        """Return where a host finds the storage account: at its own proxies."""
        places = {name: f"{proxy.url}/{EMULATOR_ACCOUNT}" for name, proxy in self.storage[number].items()}
        ends = "".join(f"{name.capitalize()}Endpoint={place};" for name, place in places.items())
        return f"DefaultEndpointsProtocol=http;AccountName={EMULATOR_ACCOUNT};AccountKey={EMULATOR_KEY};{ends}"

    def begin(self) -> None:
        """Let things go wrong from now on."""
        self._rest(resting=False)
        self.jobs.plan.say("jobs/run-now", _LOGIN)
        self.jobs.plan.say("jobs/runs/get", _ENDLESS)

    def writes_under_way(self, number: int) -> int:
        """Return how many requests to the ledger a host waits for."""
        return self.storage[number]["table"].under_way

    def made(self) -> Counter[tuple[str, str, Kind]]:
        """Return the faults by service, operation and kind."""
        found: Counter[tuple[str, str, Kind]] = Counter()
        for name, proxy in self._all():
            for (operation, kind), count in proxy.plan.made.items():
                found[name, operation, kind] += count
        return found

    def requests(self) -> int:
        """Return how many requests there have been."""
        return sum(sum(proxy.plan.requests.values()) for _, proxy in self._all())

    def kinds(self, service: str, operations: Collection[str]) -> set[Kind]:
        """Return the kinds of fault that some operations of a service have met."""
        return {kind for (name, operation, kind) in self.made() if name == service and operation in operations}

    def _all(self) -> list[tuple[str, FaultProxy]]:
        storage = [(name, proxy) for proxies in self.storage for name, proxy in proxies.items()]
        return [("jobs", self.jobs), *storage]

    def _plan(self) -> None:
        for proxies in self.storage:
            for name, shares in STORAGE.items():
                for operation, share in shares.items():
                    faults = [*_BROKEN, *_THROTTLED, _ENDLESS, _LOGIN]
                    if operation in _KEPT_FROM_OTHERS:
                        faults = [fault for fault in faults if fault.kind in BEFORE | {Kind.LATENCY}]
                    proxies[name].plan.mix(operation, share, faults)
        for operation, share in JOBS.items():
            login = [] if operation in _FROM_RUN_NOW_ON else [_LOGIN]
            self.jobs.plan.mix(operation, share, [*_BROKEN, *_THROTTLED, *login])

    def _rest(self, *, resting: bool) -> None:
        for _, proxy in self._all():
            proxy.plan.resting = resting


def _before(storage: Azurite, seed: str) -> dict[str, FaultProxy]:
    """Return a host's proxies, by service."""
    ends = {
        "blob": storage.connection.blob_endpoint,
        "table": storage.connection.table_endpoint,
        "queue": storage.connection.queue_endpoint,
    }
    return {name: FaultProxy(end, FaultPlan(f"{seed} {name}"), _STORAGE_NAMERS[name]) for name, end in ends.items()}
