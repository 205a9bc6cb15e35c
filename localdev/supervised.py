"""`python -m localdev.supervised MODULE ARGUMENTS...`: run a module that ends when whoever started it is gone.

Its standard input is a pipe that the parent holds open and never writes to. The kernel closes the parent's end
however the parent dies, `kill -9` included, so that nothing is left running behind a person's back.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

GRACE = 10.0  # seconds to stop by itself


def main() -> None:
    """Run the module that the first argument names, as `python -m` would."""
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    threading.Thread(target=_end_with_parent, args=[os.dup(0)], daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_parent(pipe: int) -> None:
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    timer = threading.Timer(GRACE, os._exit, [1])
    timer.daemon = True
    timer.start()
    timer.join()


if __name__ == "__main__":
    main()
