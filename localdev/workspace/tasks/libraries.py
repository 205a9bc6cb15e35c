"""The libraries of a task.

https://docs.databricks.com/api/workspace/libraries/install. What cannot be had without a cluster is refused when the
job is made: eggs (which Databricks itself has given up), CRAN, Maven coordinates, and files outside the workspace.
"""

from __future__ import annotations

import re

from localdev.workspace.errors import invalid, not_supported
from localdev.workspace.json_fields import Document, Fields
from localdev.workspace.model.job import Library, LibraryKind

_KINDS = ("whl", "jar", "pypi", "requirements", "maven", "cran", "egg")
# A name with extras and versions: no option of pip's, and no address that pip would fetch whatever it is told.
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._, -]*\])?[ ]*([<>=!~][A-Za-z0-9.,<>=!~*+ -]*)?")
_INDEX = re.compile(r"https?://[^\s]+")


def read(fields: Fields, where: str) -> tuple[Library, ...]:
    """Return the libraries of a task; raises ApiError."""
    return tuple(_library(document, where) for document in fields.objects("libraries"))


def _library(document: Document, where: str) -> Library:
    found = [name for name in _KINDS if document.get(name) is not None]
    if len(found) != 1:
        raise invalid(f"{where}: an element of libraries must have exactly one of {', '.join(_KINDS)}.")
    if found[0] not in list(LibraryKind):
        raise not_supported(f"{where}: a library of the kind {found[0]}")
    kind = LibraryKind(found[0])
    fields = Fields(document)
    if kind is LibraryKind.PYPI:
        return _package(Fields(fields.object(kind)), where)
    return Library(kind=kind, name=_path(fields.text(kind), kind, where))


def _package(fields: Fields, where: str) -> Library:
    package, index = fields.required_text("package", f"{where}: pypi").strip(), fields.text("repo")
    if not _PACKAGE.fullmatch(package):
        raise invalid(f"{where}: {package!r} is no package with a version, such as simplejson==3.8.0.")
    if index and not _INDEX.fullmatch(index):
        raise invalid(f"{where}: the repo of {package} must be the http address of a package index.")
    return Library(kind=LibraryKind.PYPI, name=package, index=index)


def _path(path: str, kind: LibraryKind, where: str) -> str:
    if not path.startswith("/") or path.startswith("/dbfs/"):
        raise not_supported(f"{where}: the {kind} library {path!r}, which is not in /Workspace or /Volumes")
    if ":" in path:
        raise invalid(f"{where}: the {kind} library {path!r} has a colon, which would divide Java's class path.")
    return path
