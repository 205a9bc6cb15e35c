"""A service of fakes, where doors look for the real one."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from shared import wiring
from tests.fakes.world import World


class _Service:
    """What doors use of a service, from a world of fakes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.dispatch_deadline = world.deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)


def behind_the_doors(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Make a world the service that doors find in this loop."""
    services = {asyncio.get_running_loop(): cast("wiring.Service", _Service(world))}
    monkeypatch.setattr(wiring, "_services", services)
    return world
