"""What the Jobs API would refuse, as the local workspace's own reader of jobs says it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence

from cli.jobs.checks.settings import Settings
from cli.jobs.findings import Finding
from cli.rules.check.findings import Level
from localdev.workspace.errors import ApiError
from localdev.workspace.jobs import job_settings

_VERSION = "2.2"
# What the workspace says in its own words of what a finding has said already.
_SAID_ALREADY = {
    "notebook-path": re.compile("absolute workspace path"),
    "cron-invalid": re.compile("cron|time.?zone", re.IGNORECASE),
    "cluster-size": re.compile("num_workers|autoscale"),
    "webhook-id": re.compile("[Ww]ebhook"),
    "run-as": re.compile("run_as"),
}
_NOT_LOCAL = "is not supported by the local workspace"


def check(settings: Settings, *, known: Sequence[Finding]) -> Iterator[Finding]:
    """Yield why a job would be refused; what one of the known errors says already is left out."""
    name = settings.get("name")
    if not isinstance(name, str) or not name.strip():
        yield Finding("invalid", "The job has no name, by which it could be found again: add `name`.", "name")
    try:
        job_settings.read(job_settings.completed(copy.deepcopy(dict(settings)), _VERSION))
    except ApiError as error:
        message = str(error)
        if _NOT_LOCAL in message:
            yield Finding("not-local", message)
        elif not any(each.level is Level.ERROR and _same(each, message) for each in known):
            yield Finding("invalid", message)


def _same(finding: Finding, message: str) -> bool:
    words = _SAID_ALREADY.get(finding.code)
    return finding.message in message or (words is not None and words.search(message) is not None)
