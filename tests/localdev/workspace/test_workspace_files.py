"""The Workspace API: what is imported is there for jobs and comes back as it was, and no path leads outside."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from localdev.workspace.errors import ApiError
from localdev.workspace.files.workspace_files import WorkspaceFiles
from localdev.workspace.files.workspace_objects import FILE
from tests.localdev.workspace.kit import Json, Workspace, job, notebook, task

SOURCE = b"# Databricks notebook source\nprint('one')\n\n# COMMAND ----------\n\n# MAGIC %md\n# MAGIC Two\n"
JUPYTER: Json = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["One\n", "line"]},
        {
            "cell_type": "code",
            "metadata": {},
            "outputs": [],
            "execution_count": 1,
            "source": "dbutils.notebook.exit('j')",
        },
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


async def post(workspace: Workspace, endpoint: str, **body: Any) -> httpx.Response:
    """Return the answer to a POST of the Workspace API."""
    return await workspace.client.post(f"/api/2.0/workspace/{endpoint}", json=body)


async def get(workspace: Workspace, endpoint: str, **query: Any) -> httpx.Response:
    """Return the answer to a GET of the Workspace API."""
    return await workspace.client.get(f"/api/2.0/workspace/{endpoint}", params=query)


async def put(workspace: Workspace, path: str, content: bytes, **more: Any) -> httpx.Response:
    """Return the answer to an import."""
    return await post(workspace, "import", path=path, content=base64.b64encode(content).decode(), **more)


async def exported(workspace: Workspace, path: str, **query: Any) -> bytes:
    """Return what an export holds."""
    answer = await get(workspace, "export", path=path, **query)
    assert answer.status_code == 200, answer.text
    return base64.b64decode(answer.json()["content"])


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return what a refusal is told by."""
    return answer.status_code, answer.json()["error_code"]


async def test_imported_notebook_runs(real: Workspace) -> None:
    """What a client uploads is where jobs look for it."""
    await post(real, "mkdirs", path="/Workspace/Users/ada/etl")
    source = b"dbutils.notebook.exit('from the API')"
    imported = await put(real, "/Workspace/Users/ada/etl/load", source, language="PYTHON")
    ipynb = await put(real, "/Users/ada/etl/second", json.dumps(JUPYTER).encode(), format="JUPYTER")
    tasks = [task(key, notebook_task={"notebook_path": f"/Users/ada/etl/{key}"}) for key in ("load", "second")]

    run = await real.ended(await real.run_now(await real.create(*tasks)))
    outputs = await real.outputs(run)

    assert (imported.status_code, ipynb.status_code) == (200, 200)
    assert outputs["load"]["notebook_output"]["result"] == "from the API"
    assert outputs["second"]["notebook_output"]["result"] == "j"


async def test_source_comes_back_as_it_was(scripted: Workspace) -> None:
    """An import of a notebook and its export are each other's inverse."""
    await put(scripted, "/one", SOURCE, language="PYTHON")

    assert await exported(scripted, "/one") == SOURCE
    download = await get(scripted, "export", path="/Workspace/one", direct_download="true")
    assert (download.content, download.headers["content-disposition"]) == (
        SOURCE,
        "attachment; filename*=UTF-8''one.py",
    )


@pytest.mark.parametrize(
    ("language", "suffix", "comment"), [("SQL", "sql", "--"), ("SCALA", "scala", "//"), ("R", "r", "#")]
)
async def test_source_becomes_a_notebook(scripted: Workspace, language: str, suffix: str, comment: str) -> None:
    """Plain source gets the first line that makes it a notebook of its language."""
    await put(scripted, "/query", b"SELECT 1", language=language)

    status = (await get(scripted, "get-status", path="/query")).json()
    answer = (await get(scripted, "export", path="/query")).json()

    assert (status["object_type"], status["language"], status["path"]) == ("NOTEBOOK", language, "/query")
    assert answer["file_type"] == suffix
    assert base64.b64decode(answer["content"]) == f"{comment} Databricks notebook source\nSELECT 1".encode()


@pytest.mark.parametrize(
    ("name", "content", "shown", "kind"),
    [
        ("load.py", SOURCE, "load", "NOTEBOOK"),
        ("module.py", b"x = 1\n", "module.py", "FILE"),
        ("book.ipynb", json.dumps(JUPYTER).encode(), "book", "NOTEBOOK"),
        ("data.csv", b"\x00\xff\r\n", "data.csv", "FILE"),
        ("no suffix é #%", b"", "no suffix é #%", "FILE"),
    ],
)
async def test_auto_tells_notebooks_from_files(
    scripted: Workspace, name: str, content: bytes, shown: str, kind: str
) -> None:
    """By the suffix and the first line; a notebook's suffix is no part of its name."""
    imported = await put(scripted, f"/{name}", content, format="AUTO")

    objects = (await get(scripted, "list", path="/")).json()["objects"]

    assert imported.status_code == 200
    assert [(each["path"], each["object_type"]) for each in objects] == [(f"/{shown}", kind)]
    assert await exported(scripted, f"/{shown}") in {content, as_source_of(content)}


def as_source_of(content: bytes) -> bytes:
    """Return what the Jupyter notebook of these tests is as source."""
    del content
    return (
        b"# Databricks notebook source\n# MAGIC %md\n# MAGIC One\n# MAGIC line"
        b"\n\n# COMMAND ----------\n\ndbutils.notebook.exit('j')\n"
    )


async def test_formats_are_converted(scripted: Workspace) -> None:
    """A source notebook as Jupyter's JSON and back, and as a page with nothing of it left unescaped."""
    await put(scripted, "/one", SOURCE + b"\n# COMMAND ----------\n\nprint('<script>')\n", language="PYTHON")

    jupyter = json.loads(await exported(scripted, "/one", format="JUPYTER"))
    page = (await exported(scripted, "/one", format="HTML")).decode()
    await put(scripted, "/two", json.dumps(jupyter).encode(), format="JUPYTER")

    assert [(cell["cell_type"], cell["source"]) for cell in jupyter["cells"]] == [
        ("code", "print('one')"),
        ("markdown", "Two"),
        ("code", "print('<script>')"),
    ]
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert (await exported(scripted, "/two")).count(b"# COMMAND ----------") == 2


async def test_import_does_not_overwrite_unless_told(scripted: Workspace) -> None:
    """RESOURCE_ALREADY_EXISTS, also where a notebook is stored under another suffix."""
    await put(scripted, "/one", SOURCE, language="PYTHON")

    refused = await put(scripted, "/one", b"SELECT 1", language="SQL")
    replaced = await put(scripted, "/one", b"SELECT 1", language="SQL", overwrite=True)

    assert refusal(refused) == (400, "RESOURCE_ALREADY_EXISTS")
    assert refused.json()["message"] == "Path (/one) already exists."
    assert replaced.status_code == 200
    assert [each["language"] for each in (await get(scripted, "list", path="/")).json()["objects"]] == ["SQL"]


async def test_overwriting_keeps_the_type(scripted: Workspace) -> None:
    """A folder is never overwritten, and a notebook not by a file."""
    await post(scripted, "mkdirs", path="/folder")
    await put(scripted, "/book", SOURCE, language="PYTHON")

    folder = await put(scripted, "/folder", SOURCE, language="PYTHON", overwrite=True)
    file = await put(scripted, "/book", b"x", format="RAW", overwrite=True)

    assert refusal(folder) == (400, "RESOURCE_ALREADY_EXISTS")
    assert refusal(file) == (400, "INVALID_PARAMETER_VALUE")
    assert "Requested node type [FILE] is different from the existing node type [NOTEBOOK]" in file.text


@pytest.mark.parametrize(
    ("request_body", "code"),
    [
        ({"path": "/nowhere/x", "content": "", "language": "PYTHON"}, "RESOURCE_DOES_NOT_EXIST"),
        ({"path": "/x", "content": "é", "language": "PYTHON"}, "INVALID_PARAMETER_VALUE"),
        ({"path": "/x", "content": ""}, "INVALID_PARAMETER_VALUE"),
        ({"path": "/x", "content": "", "format": "DBC"}, "INVALID_PARAMETER_VALUE"),
        ({"path": "/x", "content": "", "format": "X"}, "INVALID_PARAMETER_VALUE"),
        ({"path": "/x", "content": "e30=", "format": "JUPYTER"}, "INVALID_PARAMETER_VALUE"),
        ({"content": "", "language": "PYTHON"}, "INVALID_PARAMETER_VALUE"),
        ({"path": "x", "content": "", "language": "PYTHON"}, "INVALID_PARAMETER_VALUE"),
        ({"path": "/x", "content": 7, "language": "PYTHON"}, "MALFORMED_REQUEST"),
    ],
)
async def test_unusable_imports_are_refused(scripted: Workspace, request_body: Json, code: str) -> None:
    """Each with its error code, and nothing is written."""
    answer = await post(scripted, "import", **request_body)

    assert answer.json()["error_code"] == code
    assert (await get(scripted, "list", path="/")).json() == {}


async def test_imports_have_a_size_limit(scripted: Workspace) -> None:
    """10 MB of content, however it is wrapped."""
    fits = await put(scripted, "/fits", b"x" * 10 * 1024 * 1024, format="RAW")
    large = await put(scripted, "/large", b"x" * (10 * 1024 * 1024 + 1), format="RAW")

    assert fits.status_code == 200
    assert refusal(large) == (400, "MAX_NOTEBOOK_SIZE_EXCEEDED")


async def test_folders_are_listed_and_deleted(scripted: Workspace) -> None:
    """A folder that holds something goes with `recursive` alone; mkdirs is safe to repeat."""
    for _ in range(2):
        made = await post(scripted, "mkdirs", path="/a/b/c")
    await put(scripted, "/a/b/file.txt", b"hello", format="AUTO")
    listed = (await get(scripted, "list", path="/a/b")).json()["objects"]
    kept = await post(scripted, "delete", path="/a")
    deleted = await post(scripted, "delete", path="/a", recursive=True)
    gone = await get(scripted, "get-status", path="/a/b")

    assert made.status_code == 200
    assert [(each["path"], each["object_type"], each.get("size")) for each in listed] == [
        ("/a/b/c", "DIRECTORY", None),
        ("/a/b/file.txt", "FILE", 5),
    ]
    assert refusal(kept) == (400, "DIRECTORY_NOT_EMPTY")
    assert kept.json()["message"] == "Folder (/a) is not empty"
    assert deleted.status_code == 200
    assert (refusal(gone), gone.json()["message"]) == ((404, "RESOURCE_DOES_NOT_EXIST"), "Path (/a/b) doesn't exist.")


async def test_folder_cannot_be_made_of_a_file(scripted: Workspace) -> None:
    """Neither in its place nor below it."""
    await put(scripted, "/file", b"x", format="RAW")

    answers = [await post(scripted, "mkdirs", path=path) for path in ("/file", "/file/below")]

    assert [refusal(each) for each in answers] == [(400, "RESOURCE_ALREADY_EXISTS")] * 2


async def test_root_stays(scripted: Workspace) -> None:
    """It can be listed and asked for, and not deleted."""
    status = (await get(scripted, "get-status", path="/")).json()
    answers = [await post(scripted, "delete", path=path, recursive=True) for path in ("/", "/Workspace", "//")]

    assert (status["path"], status["object_type"]) == ("/", "DIRECTORY")
    assert [refusal(each) for each in answers] == [(400, "INVALID_PARAMETER_VALUE")] * 3


async def test_forms_are_read_as_json_is(scripted: Workspace) -> None:
    """The SDK's upload is a multipart form; its file comes through byte by byte."""
    content = bytes(range(256)) * 2 + b"\r\n--x\r\n\r"
    fields: Mapping[str, str] = {"path": "/raw.bin", "format": "AUTO", "overwrite": "true"}

    for _ in range(2):
        answer = await scripted.client.post("/api/2.0/workspace/import", data=fields, files={"content": content})

    assert answer.status_code == 200, answer.text
    assert await exported(scripted, "/raw.bin") == content


@pytest.mark.parametrize("body", [b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n"])
async def test_broken_forms_are_malformed(scripted: Workspace, body: bytes) -> None:
    """A 400 and never a crash."""
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    answer = await scripted.client.post("/api/2.0/workspace/import", content=body, headers=headers)

    assert refusal(answer) == (400, "MALFORMED_REQUEST")


@pytest.mark.parametrize("path", ["/../secret", "/a/../../secret", "/./x", "/x\0y", "secret", "", "~/secret", "//../x"])
def test_paths_that_climb_are_refused(tmp_path: Path, path: str) -> None:
    """Whatever is done with them."""
    (tmp_path / "root" / "a").mkdir(parents=True)
    (tmp_path / "secret").write_text("outside")
    files = WorkspaceFiles(tmp_path / "root")

    for act in (
        lambda: files.find(path),
        lambda: files.make_folder(path),
        lambda: files.write(path, "", b"x", kind=FILE, overwrite=True),
        lambda: files.delete(path, recursive=True),
    ):
        with pytest.raises(ApiError) as refused:
            act()
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    assert (tmp_path / "secret").read_text() == "outside"


def test_links_do_not_lead_outside(tmp_path: Path) -> None:
    """What they point to is neither shown nor read nor written nor deleted; inside the folder they work."""
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "file").write_text("kept")
    root.mkdir()
    (root / "inside").mkdir()
    (root / "out").symlink_to(outside)
    (root / "file").symlink_to(outside / "file")
    (root / "loop").symlink_to(root / "loop")
    (root / "same").symlink_to(root / "inside")
    files = WorkspaceFiles(root)

    assert [each.path for each in files.children(files.find("/"))] == ["/inside", "/same"]
    for path in ("/out", "/out/file", "/file", "/loop"):
        with pytest.raises(ApiError, match="doesn't exist"):
            files.find(path)
        with pytest.raises(ApiError, match="doesn't exist"):
            files.delete(path, recursive=True)
        with pytest.raises(ApiError):
            files.write(path, "", b"changed", kind=FILE, overwrite=True)
        with pytest.raises(ApiError):
            files.make_folder(f"{path}/x")
    files.delete("/same", recursive=True)
    assert (outside / "file").read_text() == "kept"
    assert (root / "inside").is_dir()


def test_too_long_names_are_refused(tmp_path: Path) -> None:
    """By the disk's own limits, and with our words."""
    files = WorkspaceFiles(tmp_path)

    for act in (
        lambda: files.make_folder(f"/{'x' * 300}"),
        lambda: files.write(f"/{'x' * 300}", "", b"", kind=FILE, overwrite=False),
        lambda: files.find("/" + "x/" * 5000),
    ):
        with pytest.raises(ApiError) as refused:
            act()
        assert (refused.value.status, len(str(refused.value)) < 300) in {(400, True), (404, False)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.text(max_size=30).map(lambda text: f"/{text}"))
@example("/Workspace/Workspace")
@example("/a/\u0301é")
def test_every_path_is_written_inside_or_refused(tmp_path: Path, path: str) -> None:
    """Whatever the text: it is read back, or nothing has changed; and nothing is ever beside the folder."""
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    files = WorkspaceFiles(root)
    try:
        files.write(path, "", b"content", kind=FILE, overwrite=True)
    except ApiError:
        pass
    else:
        found = files.find(path)
        assert found.file.read_bytes() == b"content"
        files.delete(path, recursive=False)

    assert list(tmp_path.iterdir()) == [root]
    assert list(root.iterdir()) == []


async def test_folder_on_disk_is_the_tree(scripted: Workspace, tmp_path: Path) -> None:
    """What somebody puts into the notebooks folder is seen, and a notebook is asked for with and without a suffix."""
    notebook(tmp_path / "notebooks", "etl/load", "x = 1")

    listed = (await get(scripted, "list", path="/etl")).json()["objects"]
    one = (await get(scripted, "list", path="/etl/load")).json()["objects"]
    with_suffix = (await get(scripted, "get-status", path="/etl/load.py")).json()

    assert [each["path"] for each in listed] == [each["path"] for each in one] == ["/etl/load"]
    assert (with_suffix["path"], with_suffix["object_type"]) == ("/etl/load", "NOTEBOOK")
    assert with_suffix["object_id"] == listed[0]["object_id"]


async def test_other_versions_are_bad_targets(scripted: Workspace) -> None:
    """Only API 2.0 has these endpoints."""
    answer = await scripted.client.post("/api/2.1/workspace/mkdirs", json=job())

    assert (answer.status_code, answer.json()) == (404, {"error": "Bad Target: /api/2.1/workspace/mkdirs"})


async def test_names_that_json_cannot_hold_are_not_shown(scripted: Workspace, tmp_path: Path) -> None:
    """A name on disk is any bytes; one that is no text must not break the list of the others."""
    folder = tmp_path / "notebooks"
    (folder / "good.txt").write_text("x")
    (folder / "line\nbreak").write_text("x")
    with suppress(OSError):  # some disks hold text only
        (folder / os.fsdecode(b"\xff\xfe")).write_text("x")

    answer = await get(scripted, "list", path="/")

    assert [each["path"] for each in answer.json()["objects"]] == ["/good.txt"]
