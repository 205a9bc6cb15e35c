"""Who may import whom. The tables below are the architecture; ARCHITECTURE.md explains them."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import functions
import shared

ROOT = Path(__file__).parent.parent
DEPLOYED = ("function_app", "functions", "shared")
LAPTOP_ONLY = ("bench", "cli", "localdev", "tests")

# One home per SDK: module prefix -> the only modules that may import it. `shared.wiring` composes them.
HOMES = {
    "azure.functions": ("function_app", "functions", "localdev.functions_host"),
    "azure.storage.blob": ("shared.blobs", "localdev", "cli"),
    "azure.storage.queue": ("shared.storage_queue", "localdev"),
    "azure.data.tables": ("shared.ledger.azure_table", "localdev"),
    "azure.identity": ("shared.jobs", "shared.wiring", "cli"),
    "azure.eventgrid": ("localdev",),
    "duckdb": ("localdev.workspace.child",),
    "httpx": ("shared.jobs", "localdev", "cli"),
    "httpx_aiohttp": ("shared.jobs",),
    "aiohttp": ("shared.jobs",),
    "re2": ("shared.path_template",),
    "jinja2": ("localdev.workspace.pages",),
    "yaml": ("shared.yaml_source",),
}

# What a module of the service may import of the service, bottom-up. A layer may use itself and all layers below.
LAYERS = (
    (
        "errors",
        "secret",
        "clock",
        "redaction",
        "addresses",
        "logs",
        "door_failures",
        "request_origin",
        "model",
        "durations",
        "moments",
        "containers",
        "wording",
        "compact_json",
        "together",
        "json_answers",
    ),
    ("storage_connection", "versions", "yaml_source", "path_template"),
    (
        "setting_reader",
        "settings",
        "events",
        "parameters",
        "landing",
        "storage_answers",
        "dead_letter_file",
        "dead_letter_store",
        "rules_source",
        "shard_queue",
        "request_reader",
        "backfill_request",
        "replay_request",
        "prune_request",
    ),
    ("rules", "ledger", "jobs", "blobs", "storage_queue"),
    ("rules_file", "listing_plan", "breakers", "job_directory", "lost_runs", "drafts", "former_rules", "announcements"),
    ("rule_book",),
    ("holds", "limits", "run_answers"),
    ("dispatch", "settle", "status", "prune"),
    ("gather", "intake", "redrive", "replay"),
    ("sweep", "dead_letters"),
    ("backfill", "upkeep"),
    ("reconcile",),
    ("use_cases",),
    ("wiring",),
)


def modules(*packages: str) -> list[Path]:
    """Return the source files of packages, or of single modules, at the root of the project."""
    found: list[Path] = []
    for package in packages:
        folder = ROOT / package
        found += sorted(folder.rglob("*.py")) if folder.is_dir() else [ROOT / f"{package}.py"]
    return [path for path in found if "node_modules" not in path.parts]


def name_of(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Return the dotted names that a file imports anywhere, in functions and under TYPE_CHECKING too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who imports whom"
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def is_within(name: str, package: str) -> bool:
    """Tell whether a dotted name is a package or something in it."""
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("sdk", sorted(HOMES))
def test_each_sdk_has_one_home(sdk: str) -> None:
    """A change of an SDK is a change of one module."""
    strangers = [
        name_of(path)
        for path in modules(*DEPLOYED, "cli", "localdev")
        if any(is_within(name, sdk) for name in imports_of(path))
        and not any(is_within(name_of(path), home) for home in HOMES[sdk])
    ]

    assert strangers == []


@pytest.mark.parametrize("path", modules(*DEPLOYED), ids=name_of)
def test_nothing_deployed_imports_what_stays_on_laptops(path: Path) -> None:
    """Even a mispackaged app cannot depend on its tools (invariant 7)."""
    assert not [name for name in imports_of(path) if name.split(".")[0] in LAPTOP_ONLY]


def test_every_module_of_the_service_has_a_layer() -> None:
    """A new module must say where it belongs."""
    listed = [module for layer in LAYERS for module in layer]
    present = {path.stem for path in (ROOT / "shared").iterdir() if path.stem not in {"__init__", "__pycache__"}}

    assert sorted(listed) == sorted(present)


@pytest.mark.parametrize("path", modules("shared"), ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    """Use cases know adapters and rules, those know the nouns, and nothing knows who uses it: no cycles."""
    own = name_of(path).split(".")[1:2]
    depth = {module: number for number, layer in enumerate(LAYERS) for module in layer}
    upwards = [
        name
        for name in imports_of(path)
        if is_within(name, "shared")
        and name.count(".")
        and own
        and depth.get(name.split(".")[1], -1) >= depth[own[0]]
        and name.split(".")[1] not in LAYERS[depth[own[0]]]
    ]

    assert upwards == []


def test_layers_have_no_cycles() -> None:
    """Modules of one layer may use each other, but never in a circle."""
    graph = {
        module: {
            name.split(".")[1]
            for path in modules("shared")
            if name_of(path).split(".")[1:2] == [module]
            for name in imports_of(path)
            if name.startswith("shared.") and name.split(".")[1] != module
        }
        for layer in LAYERS
        for module in layer
    }

    def reachable(start: str, seen: frozenset[str] = frozenset()) -> set[str]:
        return {start} | {
            further for target in graph.get(start, set()) - seen for further in reachable(target, seen | {start})
        }

    assert [module for module in graph if any(module in reachable(target) for target in graph[module])] == []


def test_modules_of_the_workspace_have_no_cycles() -> None:
    """The local workspace is large, and what imports each other cannot be read one after the other."""
    known = {name_of(path): path for path in modules("localdev/workspace")}
    below = {
        name: {each for each in imports_of(path) if each in known and each != name} for name, path in known.items()
    }

    def reachable(start: str) -> set[str]:
        found, left = set[str](), [*below[start]]
        while left:
            if (name := left.pop()) not in found:
                found.add(name)
                left += below[name]
        return found

    assert len(known) > 100
    assert [name for name in known if name in reachable(name)] == []


def test_only_doors_and_tools_import_the_composition_root() -> None:
    """Use cases get their collaborators; they do not fetch them."""
    strangers = [
        name_of(path)
        for path in modules("shared")
        if "shared.wiring" in imports_of(path) and name_of(path) != "shared.wiring"
    ]

    assert strangers == []


def test_doors_are_short() -> None:
    """A door opens something; it does nothing itself."""
    long_doors = [path.name for path in modules("functions") if len(path.read_text().splitlines()) > 45]

    assert long_doors == []


def test_importing_the_app_loads_no_sdk() -> None:
    """Each scale-out pays for what function_app imports: SDKs, YAML and regular expressions wait for first use."""
    heavy = ["aiohttp", "azure.core", "azure.data", "azure.identity", "azure.storage", "httpx", "re2", "yaml"]
    program = f"import sys, function_app; print([name for name in {heavy!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"


def test_our_packages_are_our_own() -> None:
    """On Azure site-packages comes first on the path: a dependency that ships `shared` would shadow ours."""
    assert Path(functions.__file__ or "").parent == ROOT / "functions"
    assert Path(shared.__file__ or "").parent == ROOT / "shared"
