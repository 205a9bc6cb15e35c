"""What can go wrong with an app on a laptop.

LandfallError
 + ConfigurationError   host.json, local.settings.json or the options: all faults at once
 |  · AppNotLoadable    function_app.py: nothing can run until a person changes it
 + FunctionNotFound     the app has no function of this name
 + FunctionInError      this one function cannot run; the rest of the app does
"""

from __future__ import annotations

from shared.errors import ConfigurationError, LandfallError


class AppNotLoadable(ConfigurationError):
    """The app cannot be indexed, so none of its functions run."""


class FunctionNotFound(LandfallError):
    """The app has no function of this name."""


class FunctionInError(LandfallError):
    """The function was indexed but cannot run as it is configured."""
