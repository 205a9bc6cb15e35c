"""The exact text of a run-now request."""

from __future__ import annotations

import json
from collections.abc import Mapping

# Bytes of {"notebook_params": {...}} that run-now takes, by the API reference of `notebook_params`:
# https://docs.databricks.com/api/azure/workspace/jobs/runnow
PARAMETERS_LIMIT = 10_000
LONGEST_TOKEN = 64


def frozen_body(job_id: int, token: str, notebook_params: Mapping[str, str]) -> str:
    """Return run-now's JSON, byte for byte the same for the same arguments whatever the order of the parameters.

    `queue` is sent because its default depends on how the job was created. Raises ValueError for a token that
    Databricks would refuse.
    """
    if not 0 < len(token) <= LONGEST_TOKEN:
        raise ValueError(f"an idempotency token has 1 to {LONGEST_TOKEN} characters, this one has {len(token)}")
    parameters = dict(sorted(notebook_params.items()))
    return _compact(
        {"job_id": job_id, "idempotency_token": token, "notebook_params": parameters, "queue": {"enabled": True}}
    )


def parameters_size(notebook_params: Mapping[str, str]) -> int:
    """Return how many of the PARAMETERS_LIMIT bytes the parameters take as frozen_body writes them, key included."""
    return len(_compact({"notebook_params": dict(notebook_params)}).encode())


def _compact(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate has no UTF-8. What Python writes instead, \udXXX, is the very escape that JSON has for it.
    return text.encode("utf-8", "backslashreplace").decode()
