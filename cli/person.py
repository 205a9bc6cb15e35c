"""Who sits at the keyboard."""

from __future__ import annotations

import getpass

LONGEST_NAME = 80


def person() -> str:
    """Return who asks, for the log and the ledger."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container may have no name for its user
        name = "somebody"
    return "".join(character for character in name if character.isprintable())[:LONGEST_NAME] or "somebody"
