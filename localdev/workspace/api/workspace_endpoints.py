"""workspace/import, export, mkdirs, list, get-status and delete, of the Workspace API 2.0.

https://docs.databricks.com/api/workspace/workspace
"""

from __future__ import annotations

import base64
from pathlib import PurePosixPath

from localdev.workspace.api.endpoint import Call, Download
from localdev.workspace.core import Core
from localdev.workspace.errors import ApiError, invalid, not_supported
from localdev.workspace.files import notebook_formats, notebook_page
from localdev.workspace.files.workspace_objects import (
    DIRECTORY,
    FILE,
    JUPYTER_SUFFIX,
    NOTEBOOK,
    SUFFIXES,
    WorkspaceObject,
    language_of,
)
from localdev.workspace.json_fields import LARGEST_ID, Document, Fields

LARGEST_FILE = 10 * 1024 * 1024  # bytes. https://docs.databricks.com/api/workspace/workspace/import
_IMPORT_FORMATS = ("SOURCE", "JUPYTER", "AUTO", "RAW")
_EXPORT_FORMATS = (*_IMPORT_FORMATS, "HTML")
_NOT_HERE = ("DBC", "R_MARKDOWN", "HTML")


def import_(core: Core, call: Call) -> Document:
    """Write a notebook or a file; what is there already is kept unless `overwrite` is true."""
    fields = Fields(call.body)
    path = fields.required_text("path", "workspace/import")
    form = _format(fields, _IMPORT_FORMATS)
    content = _content(call.body)
    overwrite = fields.flag("overwrite") or False
    name, suffix, kind, stored = _imported(path, form, fields.text("language"), content)
    core.files.write(name, suffix, stored, kind=kind, overwrite=overwrite)
    return {}


def export(core: Core, call: Call) -> Document | Download:
    """Show a notebook or a file: Base64 in JSON, or with direct_download as it is."""
    fields = call.fields()
    found = core.files.find(fields.required_text("path", "workspace/export"))
    if found.type == DIRECTORY:
        raise not_supported("workspace/export of a directory")
    content, suffix = _exported(found, _format(fields, _EXPORT_FORMATS))
    if call.flag("direct_download"):
        return Download(content=content, name=f"{PurePosixPath(found.path).name.removesuffix(suffix)}{suffix}")
    return {"content": base64.b64encode(content).decode(), "file_type": suffix.removeprefix(".")}


def make_folder(core: Core, call: Call) -> Document:
    """Make a folder and those above it; safe to repeat."""
    core.files.make_folder(Fields(call.body).required_text("path", "workspace/mkdirs"))
    return {}


def list_all(core: Core, call: Call) -> Document:
    """Show what is in a folder, or the notebook or file that the path is itself."""
    fields = call.fields()
    found = core.files.find(fields.required_text("path", "workspace/list"))
    since = fields.whole_number("notebooks_modified_after", 0, most=LARGEST_ID)
    objects = core.files.children(found) if found.type == DIRECTORY else [found]
    shown = [each.view() for each in objects if not since or _is_newer(each, since)]
    return {"objects": shown} if shown else {}


def get_status(core: Core, call: Call) -> Document:
    """Show what is at a path."""
    return core.files.find(call.fields().required_text("path", "workspace/get-status")).view()


def delete(core: Core, call: Call) -> Document:
    """Delete what is at a path; a folder that is not empty only with `recursive`."""
    fields = Fields(call.body)
    path = fields.required_text("path", "workspace/delete")
    core.files.delete(path, recursive=fields.flag("recursive") or False)
    return {}


def _imported(path: str, form: str, language: str, content: bytes) -> tuple[str, str, str, bytes]:
    """Return the name in the tree, the suffix on disk, the type and the bytes of what is imported."""
    suffix = PurePosixPath(path).suffix
    if form == "AUTO":
        found = language_of(suffix, content)
        if found is None:
            return path, "", FILE, content
        path = path.removesuffix(suffix)
        form, language = ("JUPYTER", "PYTHON") if suffix == JUPYTER_SUFFIX else ("SOURCE", found)
    if form == "RAW":
        return path, "", FILE, content
    if form == "JUPYTER":
        notebook_formats.check_jupyter(content)
        return path, JUPYTER_SUFFIX, NOTEBOOK, content
    if language not in SUFFIXES:
        raise invalid(f"language is {language!r}; for the format SOURCE it must be one of {', '.join(SUFFIXES)}.")
    return path, SUFFIXES[language], NOTEBOOK, notebook_formats.as_source(content, language)


def _exported(found: WorkspaceObject, form: str) -> tuple[bytes, str]:
    content = found.file.read_bytes()
    if found.type == FILE or form == "RAW" or found.language is None:
        return content, found.file.suffix
    if form == "HTML":
        return notebook_page.page(found, content, []).encode(), ".html"
    if form == "JUPYTER":
        jupyter = content if found.is_jupyter else notebook_formats.source_to_jupyter(content, found.language)
        return jupyter, JUPYTER_SUFFIX
    if form == "SOURCE" and found.is_jupyter:
        return notebook_formats.jupyter_to_source(content), SUFFIXES["PYTHON"]
    return content, found.file.suffix


def _format(fields: Fields, known: tuple[str, ...]) -> str:
    form = fields.text("format", "SOURCE")
    if form not in known:
        if form in _NOT_HERE:
            raise not_supported(f"The format {form}")
        raise invalid(f"format is {form!r}; it must be one of {', '.join(known)}.")
    return form


def _content(body: Document) -> bytes:
    """Return what is to be imported: the bytes of a form, or Base64 text; raises ApiError."""
    content = body.get("content")
    if not isinstance(content, bytes):
        text = Fields(body).text("content")
        try:
            content = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise invalid("content is no Base64.") from error
    if len(content) > LARGEST_FILE:
        message = f"File size imported is ({len(content)} bytes), exceeded max size ({LARGEST_FILE} bytes)"
        raise ApiError(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", message)
    return content


def _is_newer(each: WorkspaceObject, since: int) -> bool:
    return each.type != NOTEBOOK or each.file.stat().st_mtime * 1000 >= since
