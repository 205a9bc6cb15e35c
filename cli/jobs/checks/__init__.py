"""What is wrong with a job, or probably not meant so, as far as its settings alone can tell."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cli.jobs.checks import clusters, notifications, references, schedules, structure, workload
from cli.jobs.findings import CODES, Finding

_ORDER = {level: number for number, level in enumerate(dict.fromkeys(CODES.values()))}


def findings_of(settings: Mapping[str, Any], now: datetime) -> list[Finding]:
    """Return all findings about a job, the worst first; asks nobody, and takes any JSON object for a job."""
    found = [
        *references.check(settings),
        *schedules.check(settings, now),
        *clusters.check(settings),
        *notifications.check(settings),
        *workload.check(settings),
    ]
    found += structure.check(settings, known=found)
    return sorted(found, key=lambda each: _ORDER[each.level])
