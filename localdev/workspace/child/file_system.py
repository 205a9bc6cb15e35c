"""`dbutils.fs` on local folders. https://docs.databricks.com/aws/en/dev-tools/databricks-utils#file-system-utility-dbutilsfs.

What a path means: `dbfs:/x`, `/x` and `/dbfs/x` are x in the folder that stands for DBFS, `/Volumes/…` is Volumes/… in
it, `/Workspace/…` is the notebooks folder, and `file:/x` is this machine's own /x. Nothing but `file:` leads out of
those folders, neither by dots nor by links.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple, NoReturn

from localdev.workspace.child.surroundings import ExecutionError

_SLASHES = re.compile("/+")
_HELP = """dbutils.fs on local folders:
cp(from: String, to: String, recurse: boolean = false): boolean -> Copies a file or a folder
head(file: String, maxBytes: int = 65536): String -> Returns up to the first maxBytes bytes of a file as text
ls(dir: String): Seq -> Lists what is in a folder
mkdirs(dir: String): boolean -> Makes a folder, and those above it
mv(from: String, to: String, recurse: boolean = false): boolean -> Moves a file or a folder
put(file: String, contents: String, overwrite: boolean = false): boolean -> Writes text to a file
rm(dir: String, recurse: boolean = false): boolean -> Removes a file or a folder
Mounts are not supported by the local workspace.
"""


class FileInfo(NamedTuple):
    """One file or folder, as dbutils.fs.ls lists it."""

    path: str
    name: str
    size: int  # bytes; 0 for a folder
    modificationTime: int  # milliseconds since 1970  # noqa: N815 - Databricks' name

    def isDir(self) -> bool:  # noqa: N802 - Databricks' name
        """Tell whether it is a folder."""
        return self.name.endswith("/")

    def isFile(self) -> bool:  # noqa: N802 - Databricks' name
        """Tell whether it is a file."""
        return not self.isDir()


class _Place(NamedTuple):
    """A path, as it is shown and where it is on disk."""

    shown: str  # "dbfs:/landing/a.csv"
    file: Path


class FileSystem:
    """`dbutils.fs`; every method raises ExecutionError with the words of Hadoop that callers look for."""

    def __init__(self, dbfs: Path, notebooks: Path) -> None:
        dbfs.mkdir(parents=True, exist_ok=True)
        self._dbfs = dbfs.resolve()
        self._notebooks = notebooks

    def ls(self, dir: str) -> list[FileInfo]:  # noqa: A002 - Databricks' name
        """Return what is in a folder by name, or a file itself."""
        place = self._existing(dir)
        if place.file.is_file():
            return [_info(place.shown, place.file)]
        parent = place.shown.rstrip("/")
        return [_info(f"{parent}/{each.name}", each) for each in sorted(place.file.iterdir()) if each.exists()]

    def mkdirs(self, dir: str) -> bool:  # noqa: A002 - Databricks' name
        """Make a folder and those above it; True."""
        place = self._place(dir)
        try:
            place.file.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            _fail("org.apache.hadoop.fs.FileAlreadyExistsException", f"{place.shown} is a file, or below one.")
        return True

    def put(self, file: str, contents: str, overwrite: bool = False) -> bool:  # noqa: FBT001, FBT002 - Databricks' signature
        """Write text to a file, and make the folders above it; True."""
        place = self._place(file)
        if place.file.is_dir() or (place.file.exists() and not overwrite):
            _fail("org.apache.hadoop.fs.FileAlreadyExistsException", f"{place.shown} already exists")
        place.file.parent.mkdir(parents=True, exist_ok=True)
        data = contents.encode()
        place.file.write_bytes(data)
        sys.stdout.write(f"Wrote {len(data)} bytes.\n")
        return True

    def head(self, file: str, maxBytes: int = 65536) -> str:  # noqa: N803 - Databricks' name
        """Return the first bytes of a file as text, and say so when there are more."""
        place = self._existing(file)
        if place.file.is_dir():
            _fail("java.io.IOException", f"Cannot head a directory: {place.shown}")
        with place.file.open("rb") as stream:
            data = stream.read(maxBytes)
        if place.file.stat().st_size > maxBytes:
            sys.stdout.write(f"[Truncated to first {maxBytes} bytes]\n")
        return data.decode(errors="replace")

    def cp(self, from_: str, to: str, recurse: bool = False) -> bool:  # noqa: FBT001, FBT002 - Databricks' signature
        """Copy a file, or with `recurse` a folder, to a path or into a folder that is there; True."""
        source, target = self._source_and_target(from_, to, recurse=recurse)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
        return True

    def mv(self, from_: str, to: str, recurse: bool = False) -> bool:  # noqa: FBT001, FBT002 - Databricks' signature
        """Move a file, or with `recurse` a folder; True."""
        source, target = self._source_and_target(from_, to, recurse=recurse)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_file():
            target.unlink()
        shutil.move(source, target)
        return True

    def rm(self, dir: str, recurse: bool = False) -> bool:  # noqa: A002, FBT001, FBT002 - Databricks' signature
        """Remove a file, an empty folder, or with `recurse` a folder; False when nothing is there."""
        place = self._place(dir)
        if not place.file.exists():
            return False
        if place.file in {self._dbfs, self._notebooks}:
            _fail("java.io.IOException", f"Cannot delete root directory: {place.shown}")
        if not place.file.is_dir():
            place.file.unlink()
        elif recurse:
            shutil.rmtree(place.file)
        elif any(place.file.iterdir()):
            _fail("java.io.IOException", f"Directory {place.shown} is not empty: use recurse=True.")
        else:
            place.file.rmdir()
        return True

    def mounts(self) -> NoReturn:
        """Refuse: there is nothing to mount here."""
        raise NotImplementedError(
            "Mounts are not supported by the local workspace: dbfs:/mnt/… is a folder like any other below the one "
            "that stands for DBFS (--dbfs). Put files there."
        )

    mount = unmount = refreshMounts = updateMount = mounts  # noqa: N815 - Databricks' names

    def help(self, method: str = "") -> None:
        """Print what there is."""
        sys.stdout.write("".join(line for line in _HELP.splitlines(keepends=True) if method in line))

    def _source_and_target(self, from_: str, to: str, *, recurse: bool) -> tuple[Path, Path]:
        source, target = self._existing(from_), self._place(to)
        if source.file.is_dir() and not recurse:
            _fail("java.io.IOException", f"{source.shown} is a directory: use recurse=True.")
        into_folder = target.file.is_dir() and not source.file.is_dir()
        end = target.file / source.file.name if into_folder else target.file
        if end == source.file or (source.file.is_dir() and end.is_relative_to(source.file)):
            _fail("java.io.IOException", f"{source.shown} and {target.shown} are the same, or one within the other.")
        return source.file, end

    def _existing(self, path: str) -> _Place:
        place = self._place(path)
        if not place.file.exists():
            _fail("java.io.FileNotFoundException", f"No such file or directory {place.shown}")
        return place

    def _place(self, path: str) -> _Place:
        """Return where a path leads; raises ExecutionError where it leads out."""
        scheme, separator, rest = path.partition(":/")
        rest = _SLASHES.sub("/", f"/{rest if separator else path}")
        if separator and scheme not in {"dbfs", "file"}:
            _fail("java.io.IOException", f"No FileSystem for scheme {scheme!r} in the local workspace: {path}")
        if scheme == "file" and not rest.startswith("/Workspace/"):
            return _Place(f"file:{rest}", Path(rest))
        root, shown, inside = self._root_of(rest, is_dbfs=bool(separator) and scheme == "dbfs")
        try:
            file = (root / inside).resolve()
        except (OSError, RuntimeError, ValueError):
            _fail("java.io.IOException", f"{path!r} is no path")
        if not file.is_relative_to(root):
            _fail("java.lang.SecurityException", f"{path!r} leads out of the folder that stands for it")
        return _Place(shown, file)

    def _root_of(self, path: str, *, is_dbfs: bool) -> tuple[Path, str, str]:
        """Return the folder that a path is in, the path as it is shown, and the path in that folder."""
        if path.startswith("/Workspace/"):
            return self._notebooks, f"file:{path}", path.removeprefix("/Workspace/")
        if not is_dbfs and (path == "/dbfs" or path.startswith("/dbfs/")):
            path = f"/{path.removeprefix('/dbfs').lstrip('/')}"
        return self._dbfs, f"dbfs:{path}", path.lstrip("/")


def _info(shown: str, file: Path) -> FileInfo:
    status = file.stat()
    is_folder = file.is_dir()
    mark = "/" if is_folder else ""
    return FileInfo(
        f"{shown}{mark}", f"{file.name}{mark}", 0 if is_folder else status.st_size, status.st_mtime_ns // 1_000_000
    )


def _fail(kind: str, message: str) -> NoReturn:
    raise ExecutionError(f"{kind}: {message}")
