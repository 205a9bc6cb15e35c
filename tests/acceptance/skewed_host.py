"""`python -m tests.acceptance.skewed_host SECONDS ARGUMENTS...`: the embedded host with a clock that is wrong."""

from __future__ import annotations

import runpy
import sys
from datetime import UTC, datetime, timedelta

from shared.clock import SystemClock


def main() -> None:
    """Put the clock forward, or back for negative seconds, and serve as `localdev.functions_host` does."""
    error = timedelta(seconds=float(sys.argv.pop(1)))

    def wrong(self: SystemClock) -> datetime:
        del self
        return datetime.now(UTC) + error

    SystemClock.now = wrong  # type: ignore[method-assign]  # all of the process reads its time there
    runpy.run_module("localdev.functions_host", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
