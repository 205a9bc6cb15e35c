"""Why a notification has not been delivered."""

from __future__ import annotations

from shared.errors import LandfallError


class Undelivered(LandfallError):
    """The receiver has not taken it; the message names no url, no password and nothing that the receiver said."""


class TryLater(Undelivered):
    """It may go well another time."""


class NeverAgain(Undelivered):
    """Trying once more would end in the same way."""
