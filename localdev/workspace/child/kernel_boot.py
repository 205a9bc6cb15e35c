"""Started by path, like boot.py, as the kernel of a Jupyter notebook."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[3])

if __name__ == "__main__":
    from localdev.workspace.child.kernel import main

    main()
