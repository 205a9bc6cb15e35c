"""`dbutils.fs` on local folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localdev.workspace.child.file_system import FileSystem
from localdev.workspace.child.surroundings import ExecutionError


@pytest.fixture
def fs(tmp_path: Path) -> FileSystem:
    """Return a file system with one file, beside a file that is none of its business."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "data.csv").write_text("1")
    (tmp_path / "secret.txt").write_text("canary")
    (tmp_path / "dbfs" / "landing" / "deep").mkdir(parents=True)
    (tmp_path / "dbfs" / "landing" / "a.csv").write_text("id\n1\n")
    (tmp_path / "dbfs" / "way_out").symlink_to(tmp_path)
    return FileSystem(tmp_path / "dbfs", tmp_path / "notebooks")


def test_listing_tells_what_databricks_tells(fs: FileSystem, tmp_path: Path) -> None:
    """Paths with their scheme, folders with a slash and without a size, times in milliseconds."""
    folder_or_file = {found.name: found for found in fs.ls("dbfs:/landing")}

    file = folder_or_file["a.csv"]
    assert [*folder_or_file] == ["a.csv", "deep/"]
    assert file[:3] == ("dbfs:/landing/a.csv", "a.csv", 5)
    assert file.modificationTime == (tmp_path / "dbfs/landing/a.csv").stat().st_mtime_ns // 1_000_000
    assert (file.isFile(), file.isDir()) == (True, False)
    assert folder_or_file["deep/"][:3] == ("dbfs:/landing/deep/", "deep/", 0)
    assert folder_or_file["deep/"].isDir()


@pytest.mark.parametrize(
    "path", ["dbfs:/landing/a.csv", "/landing/a.csv", "/dbfs/landing/a.csv", "dbfs:///landing//a.csv"]
)
def test_paths_of_dbfs_are_one(fs: FileSystem, path: str) -> None:
    """With and without their scheme, and as programs on a cluster see them."""
    assert [found.path for found in fs.ls(path)] == ["dbfs:/landing/a.csv"]


def test_other_paths_have_their_folders(fs: FileSystem, tmp_path: Path) -> None:
    """Volumes, the workspace's files and this machine's own."""
    fs.put("/Volumes/main/etl/in/b.csv", "2")
    fs.cp("dbfs:/Volumes/main/etl/in/b.csv", f"file:{tmp_path}/c.csv")

    assert (tmp_path / "dbfs" / "Volumes" / "main" / "etl" / "in" / "b.csv").read_text() == "2"
    assert fs.head(f"file:{tmp_path}/c.csv") == "2"
    assert [found.path for found in fs.ls("file:/Workspace/data.csv")] == ["file:/Workspace/data.csv"]


def test_files_are_written_and_read(fs: FileSystem, capsys: pytest.CaptureFixture[str]) -> None:
    """The beginning of one that is long, and over one that is there only when asked to."""
    fs.put("/new/é.txt", "éé")
    with pytest.raises(ExecutionError, match=r"FileAlreadyExistsException: dbfs:/new/é\.txt already exists"):
        fs.put("/new/é.txt", "x")
    fs.put("/new/é.txt", "abc", overwrite=True)

    assert fs.head("/new/é.txt", 2) == "ab"
    assert capsys.readouterr().out == "Wrote 4 bytes.\nWrote 3 bytes.\n[Truncated to first 2 bytes]\n"


def test_folders_are_copied_moved_and_removed(fs: FileSystem, tmp_path: Path) -> None:
    """With `recurse`; a file goes into a folder that is there."""
    fs.cp("/landing", "/copy", recurse=True)
    fs.mv("/copy/a.csv", "/copy/deep")
    fs.mv("/copy", "/moved", recurse=True)
    left = sorted(path.relative_to(tmp_path / "dbfs").as_posix() for path in (tmp_path / "dbfs").rglob("*.csv"))

    assert left == ["landing/a.csv", "moved/deep/a.csv"]
    assert (fs.rm("/moved", recurse=True), fs.rm("/moved"), fs.rm("/landing/deep")) == (True, False, True)
    assert not (tmp_path / "dbfs" / "moved").exists()
    assert fs.mkdirs("/x/y/z")
    assert fs.mkdirs("/x/y")
    assert [found.path for found in fs.ls("/x")] == ["dbfs:/x/y/"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fs: fs.ls("/nothing"), "java.io.FileNotFoundException: No such file or directory dbfs:/nothing"),
        (lambda fs: fs.head("/landing"), "Cannot head a directory"),
        (lambda fs: fs.rm("/landing"), "is not empty: use recurse=True"),
        (lambda fs: fs.rm("/", recurse=True), "Cannot delete root directory"),
        (lambda fs: fs.cp("/landing", "/copy"), "is a directory: use recurse=True"),
        (lambda fs: fs.mv("/landing", "/landing/deep/x", recurse=True), "one within the other"),
        (lambda fs: fs.mkdirs("/landing/a.csv/x"), "is a file, or below one"),
        (lambda fs: fs.ls("abfss://in@account/x"), "No FileSystem for scheme 'abfss'"),
        (lambda fs: fs.ls("dbfs:/../secret.txt"), "leads out of the folder"),
        (lambda fs: fs.ls("/way_out/secret.txt"), "leads out of the folder"),
        (lambda fs: fs.rm("/Workspace/../secret.txt"), "leads out of the folder"),
        (lambda fs: fs.ls("/a\0b"), "is no path"),
    ],
)
def test_what_cannot_be_is_told(
    fs: FileSystem, tmp_path: Path, call: Callable[[FileSystem], object], message: str
) -> None:
    """In the words of Hadoop that callers look for, and nothing has happened."""
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(ExecutionError, match=message):
        call(fs)

    assert sorted(tmp_path.rglob("*")) == before


def test_mounts_are_refused(fs: FileSystem) -> None:
    """All of their calls, with what to do instead."""
    for call in (fs.mounts, fs.mount, fs.unmount, fs.refreshMounts):
        with pytest.raises(NotImplementedError, match="Put files there"):
            call()


def test_help_tells_of_every_method(fs: FileSystem, capsys: pytest.CaptureFixture[str]) -> None:
    """Or of one."""
    fs.help()
    everything = capsys.readouterr().out
    fs.help("head")

    assert [name for name in ("cp", "head", "ls", "mkdirs", "mv", "put", "rm") if f"\n{name}(" not in everything] == []
    assert capsys.readouterr().out.startswith("head(file: String")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*"./\\~ab\0 é", "\ud800", "secret.txt", "way_out", "Volumes", "..", "x" * 300])))
def test_no_path_of_dbfs_leads_out(fs: FileSystem, parts: list[str]) -> None:
    """Whatever it is made of: the file beside the folder is never read."""
    try:
        text = fs.head(f"dbfs:/{''.join(parts)}")
    except (ExecutionError, OSError):
        text = ""

    assert "canary" not in text
