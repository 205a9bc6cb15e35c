"""JSON as it is sent to Databricks: what is measured must be what is sent."""

from __future__ import annotations

import json


def compact(value: object) -> str:
    """Return the shortest JSON of a value, keys sorted: the same text for the same value, whatever its order."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    # A lone surrogate has no UTF-8. What Python writes instead, \udXXX, is the very escape that JSON has for it.
    return text.encode("utf-8", "backslashreplace").decode()
