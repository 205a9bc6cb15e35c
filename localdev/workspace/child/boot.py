"""Started by path in a fresh interpreter, whatever the working directory: finds the package and hands over."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[3])

if __name__ == "__main__":
    from localdev.workspace.child.run import main

    main()
