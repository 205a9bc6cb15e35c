"""The workspace's tree on disk: looking up, listing, writing and deleting below the notebooks folder, never outside it.

Paths are attacker-chosen text: `..` is refused, and a link that leads out of the folder counts as not being there.
"""

from __future__ import annotations

import errno
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localdev.workspace.errors import ApiError, invalid, path_missing, path_taken
from localdev.workspace.files.workspace_objects import (
    DIRECTORY,
    JUPYTER_SUFFIX,
    NOTEBOOK,
    SUFFIXES,
    WorkspaceObject,
    object_of,
)

LONGEST_PATH = 4096  # characters: no disk of ours takes more
MOST_PARTS = 200  # ours: looking one up takes as long as the square of it
_DRAFT = ".landfall-draft-"
_NOTEBOOK_SUFFIXES = (*SUFFIXES.values(), JUPYTER_SUFFIX)


class WorkspaceFiles:
    """A folder on disk that stands for the workspace's tree: /Workspace/ETL/x and /ETL/x are ETL/x in it."""

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()

    def find(self, path: str) -> WorkspaceObject:
        """Return what is at a path; raises ApiError when nothing is."""
        name = _normal(path)
        found = self._found(name)
        if found is None:
            raise path_missing(name)
        return found

    def children(self, folder: WorkspaceObject) -> Iterator[WorkspaceObject]:
        """Yield what is in a folder, by name."""
        for file in sorted(folder.file.iterdir()):
            if self._is_ours(file) and _is_shown(file.name):
                yield object_of(file, f"{folder.path.rstrip('/')}/{file.name}")

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it; safe to repeat. Raises ApiError where a file is in the way."""
        name = _normal(path)
        folder = self._root
        with _refusals(name):
            for part in _parts(name):
                folder = folder / part
                if not self._stays_inside(folder) or (folder.exists() and not folder.is_dir()):
                    raise path_taken(name)
            folder.mkdir(parents=True, exist_ok=True)

    def write(self, path: str, suffix: str, content: bytes, *, kind: str, overwrite: bool) -> None:
        """Write a file, as a whole or not at all; `suffix` is what a notebook's name has on disk and not in the tree.

        Raises ApiError where something is already, and where there is no folder.
        """
        name = _normal(path)
        folder, _, last = name.rpartition("/")
        parent = self._found(folder or "/")
        if parent is None or parent.type != DIRECTORY:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"The parent folder ({folder or '/'}) does not exist.")
        before = self._found(name)
        if before is not None:
            _check_replacing(before, name, kind, overwrite=overwrite)
        with _refusals(name):
            target = parent.file / f"{last}{suffix}"
            self._put(target, content)
            if before is not None and before.file != target:
                before.file.unlink()  # the notebook in its former language

    def delete(self, path: str, *, recursive: bool) -> None:
        """Delete what is at a path; a folder only when it is empty, or all that is in it. Raises ApiError."""
        found = self.find(path)
        if found.file == self._root:
            raise invalid("The root of the workspace cannot be deleted.")
        with _refusals(found.path):
            if found.type != DIRECTORY or found.file.is_symlink():
                found.file.unlink()
            elif recursive:
                shutil.rmtree(found.file)
            else:
                found.file.rmdir()

    def _found(self, name: str) -> WorkspaceObject | None:
        """Return what is at a normal path: a file or folder of that very name, or else a notebook."""
        exact = self._root.joinpath(*_parts(name))
        with _refusals(name):
            for file in (exact, *(exact.with_name(f"{exact.name}{suffix}") for suffix in _NOTEBOOK_SUFFIXES)):
                if self._is_ours(file):
                    found = object_of(file, f"{name.removesuffix('/')}{file.name.removeprefix(exact.name)}" or "/")
                    if file == exact or found.type == NOTEBOOK:
                        return found
                if exact == self._root:
                    break
        return None

    def _is_ours(self, file: Path) -> bool:
        return self._stays_inside(file) and (file.is_file() or file.is_dir())

    def _stays_inside(self, file: Path) -> bool:
        try:
            return file.resolve().is_relative_to(self._root)
        except RuntimeError:  # links in a circle, before Python 3.13
            return False

    def _put(self, target: Path, content: bytes) -> None:
        # A link in a circle exists nowhere, and stays inside since Python 3.13.
        if target.is_symlink() and not (self._stays_inside(target) and target.exists()):
            raise path_taken(target.name)
        draft = target.with_name(f"{_DRAFT}{uuid.uuid4()}")
        try:
            draft.write_bytes(content)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Turn what a disk refuses a path for into what the API refuses; a full disk is no fault of the path."""
    try:
        yield
    except OSError as error:
        match error.errno:
            case errno.ENAMETOOLONG | errno.EINVAL | errno.EILSEQ:
                raise invalid(f"Path ({name[:100]}) has a name that is too long, or that no disk can hold.") from error
            case errno.ENOTEMPTY:
                raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"Folder ({name}) is not empty") from error
            case errno.ENOTDIR | errno.ENOENT | errno.ELOOP:
                raise path_missing(name) from error
        raise


def _is_shown(name: str) -> bool:
    """Tell whether a name can be told: drafts are nobody's business, and JSON has no place for what is no UTF-8."""
    return name.isprintable() and not name.startswith(_DRAFT)


def _normal(path: str) -> str:
    """Return a path of the tree, without /Workspace and empty parts; raises ApiError for one that is none."""
    if not path.startswith("/"):
        raise invalid(f"Path ({path[:100]}) doesn't start with '/'")
    parts = _parts(path) if len(path) <= LONGEST_PATH else []
    if len(path) > LONGEST_PATH or len(parts) > MOST_PARTS:
        raise invalid(f"Path ({path[:100]}) is longer than {LONGEST_PATH} characters or {MOST_PARTS} parts.")
    if any(part in {".", ".."} or "\0" in part or part.startswith(_DRAFT) for part in parts):
        raise invalid(f"Path ({path[:100]}) has a part that no name can be.")
    return "/" + "/".join(parts[1:] if parts[:1] == ["Workspace"] else parts)


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part]


def _check_replacing(before: WorkspaceObject, name: str, kind: str, *, overwrite: bool) -> None:
    if not overwrite or before.type == DIRECTORY:
        raise path_taken(name)
    if before.type != kind:
        raise invalid(f"Requested node type [{kind}] is different from the existing node type [{before.type}]")
