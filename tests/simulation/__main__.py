"""`python -m tests.simulation`."""

from __future__ import annotations

import sys
from contextlib import suppress

from tests.simulation.command import main

if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.exit(main())
