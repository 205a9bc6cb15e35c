"""Which failures may end otherwise another time, by the code with which Databricks ended the run.

The codes are TerminationCodeCode of the Jobs API (https://docs.databricks.com/api/azure/workspace/jobs/getrun), the
division is ours. A code that is in neither set is one that nobody knew when this was written: it is not tried again.
"""

from __future__ import annotations

# The platform was at fault, or was asked for too much at once.
PASSING = frozenset(
    {
        "INTERNAL_ERROR",
        "DRIVER_ERROR",
        "CLUSTER_ERROR",
        "CLOUD_FAILURE",
        "CLUSTER_REQUEST_LIMIT_EXCEEDED",
        "CLUSTER_TERMINATED_BY_USER",  # somebody restarted a cluster that is shared; that is no wish to end this run
        "MAX_SPARK_CONTEXTS_EXCEEDED",
        "REPOSITORY_CHECKOUT_FAILED",
        "STORAGE_ACCESS_ERROR",
    }
)
# The run itself, its job or our identity must be changed first; or Databricks retries by itself (BREAKING_CHANGE).
LASTING = frozenset(
    {
        "RUN_EXECUTION_ERROR",  # an ordinary failure of a notebook
        "TIMEDOUT",
        "LIBRARY_INSTALLATION_ERROR",
        "UNAUTHORIZED_ERROR",
        "RESOURCE_NOT_FOUND",
        "INVALID_RUN_CONFIGURATION",
        "INVALID_CLUSTER_REQUEST",
        "FEATURE_DISABLED",
        "DISABLED",
        "BUDGET_POLICY_LIMIT_EXCEEDED",
        "BREAKING_CHANGE",
    }
)


def may_pass(code: str) -> bool:
    """Tell whether a run that ended with this code may end otherwise another time."""
    return code in PASSING
