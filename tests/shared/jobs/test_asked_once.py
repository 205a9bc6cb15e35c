"""What must not be asked twice: a call that is not safe to repeat."""

from __future__ import annotations

import random

import pytest

from shared.clock import Deadline
from shared.errors import JobsUnknown
from shared.jobs import create_credentials, create_http_client
from shared.jobs.api import Call, JobsApi
from shared.jobs.pacing import Pacing
from shared.settings import DatabricksSettings
from tests.fakes.manual_clock import ManualClock
from tests.shared.jobs.scripted_server import Action, ScriptedServer, drops, says

CREATED = says(200, {"job_id": 1})
CREATE = Call("POST", "jobs/create", content=b"{}", once=True)


async def ask(settings: DatabricksSettings, clock: ManualClock, deadline: Deadline) -> object:
    """Ask the scripted server to create a job, once."""
    http = create_http_client()
    credentials = create_credentials(settings, http, clock)
    api = JobsApi(http, settings, credentials, clock, random.Random(1), Pacing(clock, 100))
    try:
        return await api.ask(CREATE, deadline)
    finally:
        await api.aclose()


@pytest.mark.parametrize("answer", [says(500), says(502), says(503), says(504), drops])
async def test_doubtful_end_is_not_tried_again(
    server: ScriptedServer, settings: DatabricksSettings, clock: ManualClock, deadline: Deadline, answer: Action
) -> None:
    """What may have taken effect is left to the caller, who can look whether it has."""
    server.will(answer, CREATED)

    with pytest.raises(JobsUnknown):
        await ask(settings, clock, deadline)

    assert len(server.received) == 1


async def test_what_started_nothing_is_tried_again(
    server: ScriptedServer, settings: DatabricksSettings, clock: ManualClock, deadline: Deadline
) -> None:
    """Throttling is no doubt: nothing was done."""
    server.will(says(429), CREATED)

    assert await ask(settings, clock, deadline) == {"job_id": 1}

    assert len(server.received) == 2
