"""What `landfall jobs check` finds: frozen values, each with a code that never changes its meaning.

CODES is the only place that names a code; docs/jobs.md is held against it by a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from cli.rules.check.findings import Level

CODES = MappingProxyType(
    {
        "invalid": Level.ERROR,
        "unknown-reference": Level.ERROR,
        "cron-invalid": Level.ERROR,
        "cluster-size": Level.ERROR,
        "webhook-id": Level.ERROR,
        "notebook-path": Level.ERROR,
        "run-as": Level.ERROR,
        "placeholder": Level.WARNING,
        "queue-off": Level.WARNING,
        "skips-runs": Level.WARNING,
        "reference-not-upstream": Level.WARNING,
        "reference-literal": Level.WARNING,
        "cron-never": Level.WARNING,
        "cron-often": Level.WARNING,
        "cron-clock-change": Level.WARNING,
        "duration-never-told": Level.WARNING,
        "reference-deprecated": Level.NOTE,
        "cron-next": Level.NOTE,
        "retries": Level.NOTE,
        "runs-as-you": Level.NOTE,
        "not-local": Level.NOTE,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is to be said about a job."""

    code: str
    message: str
    path: str = ""  # within the job's settings: tasks[0].new_cluster

    @property
    def level(self) -> Level:
        """Return how bad it is."""
        return CODES[self.code]
