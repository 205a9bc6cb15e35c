"""Which Landfall a command talks to: the local stack that is running, else the one the environment describes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from shared.errors import Fault, SettingsError

STATE_VARIABLE = "LANDFALL_STATE"
DEFAULT_STATE = Path(".landfall")


def state_folder() -> Path:
    """Return where the local stack of this folder keeps its state."""
    # What runs below works in folders of its own, where a relative path would mean another place.
    return Path(os.environ.get(STATE_VARIABLE) or DEFAULT_STATE).absolute()


def environment() -> Mapping[str, str]:
    """Return the settings of the running local stack, or the environment when none runs here.

    Raises SettingsError when there is neither.
    """
    file = state_folder() / "stack.json"
    if file.is_file():
        description = json.loads(file.read_text(encoding="utf-8"))
        if _alive(description["pid"]):
            found: dict[str, str] = description["environment"]
            return {**os.environ, **found}
    if not os.environ.get("DATABRICKS_HOST"):
        raise SettingsError(
            "landfall",
            [Fault("no local stack runs here, and the environment names no workspace.")],
            hint="Start one with `landfall up` in another terminal, or set the settings of docs/settings.md.",
        )
    return os.environ


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
