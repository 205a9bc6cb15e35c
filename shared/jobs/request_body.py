"""The exact text of a run-now request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.compact_json import compact

LONGEST_TOKEN = 64


def frozen_body(job_id: int, token: str, fields: Mapping[str, Any]) -> str:
    """Return run-now's JSON, byte for byte the same for the same arguments whatever their order.

    `fields` are run-now's own, such as {"notebook_params": {...}}. `queue` is sent because its default depends on how
    the job was created. Raises ValueError for a token that Databricks would refuse.
    """
    if not 0 < len(token) <= LONGEST_TOKEN:
        raise ValueError(f"an idempotency token has 1 to {LONGEST_TOKEN} characters, this one has {len(token)}")
    return compact({**fields, "job_id": job_id, "idempotency_token": token, "queue": {"enabled": True}})
