"""Paths of notebooks and files in the workspace, as settings name them."""

from __future__ import annotations

from localdev.workspace.errors import invalid, not_supported
from localdev.workspace.json_fields import Fields


def workspace_path(work: Fields, name: str, where: str) -> str:
    """Return the path in the field `name`; raises ApiError where it is missing, relative or not in the workspace."""
    path = work.required_text(name, where)
    if work.text("source", "WORKSPACE") != "WORKSPACE":
        raise not_supported(f"{where}: source {work.text('source')}")
    if not path.startswith("/"):
        raise invalid(f"{where}: {path!r} must be an absolute workspace path, such as /Workspace/ETL/01_Ingestion.")
    return path
