"""From the libraries that a task names to what its process has to see to."""

from __future__ import annotations

import re
from collections.abc import Iterable

from localdev.workspace.model.job import Library, LibraryKind, TaskKind
from localdev.workspace.programs.program import LibraryMissing, Places
from localdev.workspace.runners.runner import Launch

# What the warehouse of a local workspace is: DuckDB. Bounded as in pyproject.toml.
_DBT_HERE = (
    Library(kind=LibraryKind.PYPI, name="dbt-core>=1.9,<1.12"),
    Library(kind=LibraryKind.PYPI, name="dbt-duckdb>=1.9,<2"),
    Library(kind=LibraryKind.PYPI, name="duckdb>=1.4,<2"),
)
_DBT_THERE = re.compile(r"dbt-(databricks|spark)\b", re.IGNORECASE)


def instructions_of(launch: Launch, places: Places, *, may_install: bool) -> dict[str, object]:
    """Return the libraries as a process is told of them; raises LibraryMissing."""
    wanted = list(_for_kind(launch.libraries, launch.kind, may_install=may_install))
    return {
        "wheels": _files(wanted, LibraryKind.WHEEL, places),
        "jars": _files(wanted, LibraryKind.JAR, places),
        "requirements": _files(wanted, LibraryKind.REQUIREMENTS, places),
        "packages": [{"package": each.name, "index": each.index} for each in wanted if each.kind is LibraryKind.PYPI],
        "environments": str(places.data / "environments"),
        "may_install": may_install,
    }


def _for_kind(libraries: Iterable[Library], kind: TaskKind, *, may_install: bool) -> Iterable[Library]:
    """Return the libraries, with dbt's adapter for the warehouse that is here instead of the one that is not."""
    for library in libraries:
        if kind is TaskKind.DBT and library.kind is LibraryKind.PYPI and _DBT_THERE.match(library.name):
            yield from _DBT_HERE if may_install else ()
        else:
            yield library


def _files(libraries: Iterable[Library], kind: LibraryKind, places: Places) -> list[str]:
    found = []
    for library in libraries:
        if library.kind is kind:
            file = places.notebooks.find_file(library.name)
            if file is None:
                raise LibraryMissing(library.name)
            found.append(str(file))
    return found
