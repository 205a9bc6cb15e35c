"""The `@app.retry` decorator, which the embedded host checks as the worker does, and does not carry out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from localdev.functions_host.signature import SignatureRefused

if TYPE_CHECKING:
    import azure.functions as func

_INTERVALS = ("delay_interval", "minimum_interval", "maximum_interval")


def check_retry_policy(function: func.Function) -> None:
    """Raise SignatureRefused for a policy that keeps the worker from loading the app."""
    policy = function.get_settings_dict("retry_policy")
    if not policy:
        return
    try:
        int(policy["max_retry_count"])
        required = _INTERVALS[:1] if policy["strategy"] == "fixed_delay" else ()
        optional = () if required else [name for name in _INTERVALS[1:] if policy.get(name)]
        for name in (*required, *optional):
            time.strptime(policy[name], "%H:%M:%S")
    except (KeyError, TypeError, ValueError) as error:
        raise SignatureRefused(f"its retry policy is not usable: {type(error).__name__}: {error}") from error
