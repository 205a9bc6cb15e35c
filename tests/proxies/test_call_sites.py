"""Each fault at each call site: the right answer in the end, or one of our own errors, and never late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from localdev.azurite import Azurite
from localdev.workspace.app import create_app
from localdev.workspace.scripted_runner import ScriptedRunner
from localdev.workspace.server import running
from localdev.workspace.settings import WorkspaceSettings
from shared.errors import LandfallError
from shared.secret import Secret
from shared.together import all_done
from tests.proxies.call_sites import (
    CALL_SITES,
    CONTAINER,
    TOKEN,
    CallSite,
    Upstreams,
    in_an_hour,
    prepared,
    through_proxy,
)
from tests.proxies.faults import Fault, Kind

pytestmark = [pytest.mark.azurite, pytest.mark.proof]
# Event Grid waits 30 s for all that an event takes.
SECONDS = 20.0
IN_AN_HOUR = "in an hour"  # as an HTTP date, when it is sent
AT_ONCE = 13
_SLOW = {Kind.LATENCY: 0.3, Kind.SLOW_BODY: 0.3}
FAULTS = [
    *(Fault(kind, seconds=_SLOW.get(kind, 0.0)) for kind in Kind),
    *(Fault(Kind.TRUNCATED, share=share) for share in (0.0, 0.1, 0.3, 0.6, 0.9)),
    *(Fault(Kind.THROTTLED, retry_after=text) for text in ("1", "-5", "1000000000", IN_AN_HOUR, "soon", "\u00b2")),
    *(Fault(Kind.UNAVAILABLE_BEFORE, retry_after=text) for text in ("1000000000", "soon")),
]


@pytest.fixture(scope="session")
def container(azurite: Azurite) -> Azurite:
    """Return an Azurite that holds a blob."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        service.create_container(CONTAINER).upload_blob("a.csv", b"a,b\n1,2\n")
    return azurite


@pytest.fixture
async def upstreams(container: Azurite, tmp_path: Path) -> AsyncIterator[Upstreams]:
    """Yield what the calls ask for."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    settings = WorkspaceSettings(data=tmp_path / "workspace", notebooks=notebooks, token=Secret(TOKEN))
    async with running(create_app(settings, runner=ScriptedRunner())) as url:
        yield await prepared(container, url)


async def _outcome(site: CallSite, upstreams: Upstreams, fault: Fault, times: int) -> str:
    """Return what is wrong with how a call ends; "" when nothing is."""
    if fault.retry_after == IN_AN_HOUR:
        fault = Fault(fault.kind, retry_after=in_an_hour())
    async with through_proxy(site, upstreams) as (plan, call):
        right = await call()
        plan.say(site.operation, *[fault] * times)
        began = time.monotonic()
        try:
            async with asyncio.timeout(SECONDS):
                found = await call()
        except LandfallError as error:
            return "it shows the token" if TOKEN in str(error) else ""
        except TimeoutError:
            return f"it took more than {SECONDS:.0f} s"
        except Exception as error:  # noqa: BLE001 - what is looked for
            return f"it raised {error!r} after {time.monotonic() - began:.1f} s"
        return "" if type(found) is type(right) else f"it returned {found!r} for {right!r}"


@pytest.mark.parametrize("times", [1, 50], ids=["once", "always"])
@pytest.mark.parametrize("site", CALL_SITES, ids=lambda site: f"{site.service}-{site.operation}")
async def test_fault_ends_well(site: CallSite, upstreams: Upstreams, times: int) -> None:
    """Whatever happens to an exchange once or each time, the call ends soon, in a result or in an error of ours."""
    wrongs = await all_done((_outcome(site, upstreams, fault, times) for fault in FAULTS), AT_ONCE)

    assert "\n".join(f"{fault}: {wrong}" for fault, wrong in zip(FAULTS, wrongs, strict=True) if wrong) == ""
