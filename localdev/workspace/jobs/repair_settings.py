"""The settings with which a repaired run goes on: the job's current ones.

"They use the current job and task settings": databricks/sdk/service/jobs.py, JobsAPI.repair_run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localdev.workspace.jobs import job_settings
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model.job import JobSettings
from localdev.workspace.model.run import Run


def after_repair(run: Run, job: JobSettings) -> JobSettings:
    """Return the job's settings, and in them as they were the tasks of the run that the job no longer has.

    Our own choice for those: nothing says what becomes of them. Raises ApiError where they are too many together.
    """
    gone = [task.document for key, task in run.settings.tasks.items() if key not in job.tasks]
    if not gone:
        return job
    clusters = {**_clusters(run.settings.document), **_clusters(job.document)}
    kept: Sequence[Mapping[str, Any]] = [*job.document["tasks"], *gone]
    document = {**job.document, "tasks": kept}
    return job_settings.read(document | ({"job_clusters": list(clusters.values())} if clusters else {}))


def _clusters(document: Mapping[str, Any]) -> dict[str, Document]:
    found = Fields(document).objects("job_clusters")
    return {Fields(cluster).text("job_cluster_key"): cluster for cluster in found}
