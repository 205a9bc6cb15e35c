"""Clusters that a workspace would refuse."""

from __future__ import annotations

from collections.abc import Iterator

from cli.jobs.checks.settings import Settings, tasks
from cli.jobs.findings import Finding
from shared.jobs.json_values import object_of, objects_of


def check(settings: Settings) -> Iterator[Finding]:
    """Yield what is to be said of the clusters of a job and its tasks."""
    shared = [(f"job_clusters[{n}].", each) for n, each in enumerate(objects_of(settings.get("job_clusters")))]
    for path, holder in [*shared, *tasks(settings)]:
        cluster = object_of(holder.get("new_cluster"))
        if cluster.get("num_workers") is not None and cluster.get("autoscale") is not None:
            message = "A cluster has either num_workers or autoscale: leave one of them out."
            yield Finding("cluster-size", message, f"{path}new_cluster")
