"""`python -m localdev.event_grid`: the event simulator as a process of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence

from localdev.event_grid.arguments import parse_arguments
from localdev.event_grid.fault_plan_file import read_fault_plan
from localdev.event_grid.faults import FaultPlan
from localdev.event_grid.simulator import EventSimulator
from shared.errors import LandfallError
from shared.logs import hush_libraries, warning


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit code: 0, or 1 when it could not start."""
    parsed = parse_arguments(arguments, os.environ)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(message)s", force=True)
    hush_libraries()
    logging.getLogger("azure.storage").setLevel(logging.ERROR)  # it warns at every look that finds Azurite away
    try:
        plan = read_fault_plan(str(parsed.plan), parsed.plan.read_text("utf-8")) if parsed.plan else FaultPlan()
        simulator = EventSimulator(parsed.options, plan=plan)
        try:
            asyncio.run(_run(simulator))
        finally:
            if parsed.summary:
                counters = {"seed": simulator.seed, **simulator.counters.as_dict()}
                parsed.summary.write_text(json.dumps(counters) + "\n")
    except (LandfallError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def _run(simulator: EventSimulator) -> None:
    _cancel_on_signals()
    try:
        async with simulator:
            await simulator.wait()
    except asyncio.CancelledError:
        pass  # a signal: the end that is wanted
    for full_path in simulator.plan.pending:
        warning("eventgrid.plan_unused", path=full_path)


def _cancel_on_signals() -> None:
    """Cancel the current task at the first SIGINT or SIGTERM; impatient repetitions do not disturb the stop."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    signals = (signal.SIGINT, signal.SIGTERM)

    def cancel() -> None:
        for number in signals:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
        if task is not None:
            task.cancel()

    for number in signals:
        loop.add_signal_handler(number, cancel)


if __name__ == "__main__":
    sys.exit(main())
