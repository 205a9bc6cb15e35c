"""The whole service as processes: Azurite, a workspace, the app on the embedded host, the event simulator."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cli.demo.command import options
from cli.demo.play import Player
from cli.demo.report import Report, report_of
from localdev.azurite import Azurite
from localdev.stack import Stack, StackOptions

SECONDS = 150.0


@dataclass
class Performance:
    """The demo, played while a test disturbs it."""

    stack: Stack
    said: list[str]
    settled: int = 0
    reports: list[Report] = field(default_factory=list)

    def play(self, *disturbances: tuple[int, Callable[[], None]]) -> Report:
        """Play the demo; call each disturbance when so many files are settled; return the report."""
        waiting = list(disturbances)

        def progress(settled: int, _: int) -> None:
            self.settled = settled
            while waiting and waiting[0][0] <= settled:
                waiting.pop(0)[1]()

        report = report_of(Player(self.stack.environment, seconds=SECONDS).play(progress))
        assert not waiting, "the demo was over before it was disturbed"
        return report

    def log(self, name: str) -> str:
        """Return the log of a process."""
        return (self.stack.options.state / "logs" / f"{name}.log").read_text(encoding="utf-8")


@pytest.fixture
def stack_options(azurite: Azurite, tmp_path: Path) -> StackOptions:
    """Return the demo's stack in a folder of its own; skips where Azurite cannot run."""
    del azurite
    return options(tmp_path / "state", "eventgrid")


@pytest.fixture
def performance(stack_options: StackOptions) -> Iterator[Performance]:
    """Yield a running stack on which the demo can be played."""
    said: list[str] = []
    with Stack(stack_options, say=said.append) as stack:
        yield Performance(stack, said)


def after(seconds: float, act: Callable[[], None]) -> threading.Timer:
    """Act after a while, in the background."""
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer
