"""Paths in the workspace and files on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localdev.workspace.files.notebooks import Notebooks
from localdev.workspace.model.job import TaskKind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a notebooks folder with a file beside it."""
    root = tmp_path / "notebooks"
    (root / "ETL").mkdir(parents=True)
    (root / "ETL" / "01_Ingestion.py").touch()
    (root / "ETL" / "02_Transform.ipynb").touch()
    (root / "script.py").touch()
    (tmp_path / "secret.py").touch()
    (root / "way_out.py").symlink_to(tmp_path / "secret.py")
    return root


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/Workspace/ETL/01_Ingestion", "ETL/01_Ingestion.py"),
        ("/ETL/01_Ingestion", "ETL/01_Ingestion.py"),
        ("/ETL/01_Ingestion.py", "ETL/01_Ingestion.py"),
        ("/Workspace/ETL/02_Transform", "ETL/02_Transform.ipynb"),
    ],
)
def test_notebook_paths_find_their_file(folder: Path, path: str, file: str) -> None:
    """/Workspace may be left out, and so may the extension."""
    assert Notebooks(folder).find(path, TaskKind.NOTEBOOK) == folder / file


def test_python_files_keep_their_extension(folder: Path) -> None:
    """A Python task names its file in full."""
    notebooks = Notebooks(folder)

    assert notebooks.find("/Workspace/script.py", TaskKind.PYTHON) == folder / "script.py"
    assert notebooks.find("/Workspace/script", TaskKind.PYTHON) is None


@pytest.mark.parametrize(
    "path",
    ["/../secret", "/Workspace/../secret.py", "/ETL/../../secret", "/way_out", "//../secret", "/ETL", "/", "/a\0b"],
)
def test_nothing_outside_is_found(folder: Path, path: str) -> None:
    """Neither dots nor links lead out of the folder."""
    assert Notebooks(folder).find(path, TaskKind.NOTEBOOK) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*"./\\~ab\0 é", "\ud800", "secret", "way_out", "Workspace", "..", "x" * 300])))
def test_no_path_leads_out(folder: Path, parts: list[str]) -> None:
    """Whatever a path is made of, what it finds lies in the folder."""
    found = Notebooks(folder).find(f"/{''.join(parts)}", TaskKind.NOTEBOOK)

    assert found is None or found.is_relative_to(folder)
