"""Which endpoints there are: those of the Jobs API in its versions, and those of other APIs, which all are 2.0."""

from __future__ import annotations

import re
from collections.abc import Mapping

from localdev.workspace.api import (
    job_endpoints,
    permission_endpoints,
    repair_endpoint,
    run_endpoints,
    run_export,
    submit_endpoint,
    workspace_endpoints,
)
from localdev.workspace.api.endpoint import Endpoint
from localdev.workspace.notifications import destination_endpoints

Name = tuple[str, str]  # ("POST", "jobs/run-now")

ENDPOINTS: dict[Name, Endpoint] = {
    ("POST", "jobs/create"): job_endpoints.create,
    ("GET", "jobs/get"): job_endpoints.get,
    ("GET", "jobs/list"): job_endpoints.list_all,
    ("POST", "jobs/update"): job_endpoints.update,
    ("POST", "jobs/reset"): job_endpoints.reset,
    ("POST", "jobs/delete"): job_endpoints.delete,
    ("POST", "jobs/run-now"): run_endpoints.run_now,
    ("POST", "jobs/runs/submit"): submit_endpoint.submit,
    ("GET", "jobs/runs/get"): run_endpoints.get,
    ("GET", "jobs/runs/list"): run_endpoints.list_all,
    ("GET", "jobs/runs/get-output"): run_endpoints.get_output,
    ("GET", "jobs/runs/export"): run_export.export,
    ("POST", "jobs/runs/cancel"): run_endpoints.cancel,
    ("POST", "jobs/runs/cancel-all"): run_endpoints.cancel_all,
    ("POST", "jobs/runs/delete"): run_endpoints.delete,
    ("POST", "jobs/runs/repair"): repair_endpoint.repair,
}
OTHER_ENDPOINTS: dict[Name, Endpoint] = {
    ("GET", "permissions/jobs/{job_id}"): permission_endpoints.get,
    ("PUT", "permissions/jobs/{job_id}"): permission_endpoints.replace,
    ("PATCH", "permissions/jobs/{job_id}"): permission_endpoints.change,
    ("GET", "permissions/jobs/{job_id}/permissionLevels"): permission_endpoints.levels,
    ("GET", "preview/scim/v2/Me"): permission_endpoints.who_am_i,
    ("POST", "notification-destinations"): destination_endpoints.create,
    ("GET", "notification-destinations"): destination_endpoints.list_all,
    ("GET", "notification-destinations/{id}"): destination_endpoints.get,
    ("PATCH", "notification-destinations/{id}"): destination_endpoints.update,
    ("DELETE", "notification-destinations/{id}"): destination_endpoints.delete,
    ("POST", "workspace/import"): workspace_endpoints.import_,
    ("GET", "workspace/export"): workspace_endpoints.export,
    ("POST", "workspace/mkdirs"): workspace_endpoints.make_folder,
    ("GET", "workspace/list"): workspace_endpoints.list_all,
    ("GET", "workspace/get-status"): workspace_endpoints.get_status,
    ("POST", "workspace/delete"): workspace_endpoints.delete,
}
OTHERS_VERSION = "2.0"


def find(method: str, path: str) -> tuple[Name, Mapping[str, str]] | None:
    """Return the name of the endpoint of another API than that of jobs, and what stands in its path."""
    for name in OTHER_ENDPOINTS:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", name[1])
        found = re.fullmatch(pattern, path)
        if name[0] == method and found:
            return name, found.groupdict()
    return None
