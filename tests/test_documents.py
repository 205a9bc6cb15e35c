"""Documents that can be compared with the code are."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from shared.ledger import Claimed
from shared.model import Result, State
from shared.settings import SETTINGS
from tests.test_architecture import LAYERS, modules

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def read(name: str) -> str:
    """Return a document's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def extras() -> list[str]:
    """Return the requirements of all extras, each once."""
    found = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"].values()
    return sorted({line for lines in found for line in lines})


def first_cells(text: str) -> list[str]:
    """Return what stands in backticks in the first cell of every table row."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def section(text: str, heading: str) -> str:
    """Return what stands below a heading of the second level, up to the next one."""
    (_, found) = text.split(f"\n## {heading}\n")
    return found.split("\n## ")[0]


def test_every_setting_is_documented_with_its_default() -> None:
    """docs/settings.md has one row per setting, and the default it names is the code's."""
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", read("docs/settings.md"), re.MULTILINE))

    assert set(rows) == {setting.name for setting in SETTINGS}
    for setting in SETTINGS:
        shown = rows[setting.name].strip()
        if setting.default is None:
            assert shown == "none", setting.name
        elif setting.default:
            assert shown == f"`{setting.default}`", setting.name


def test_sample_settings_hold_every_setting() -> None:
    """local.settings.sample.json can be copied and filled in; it holds no secret and every default."""
    values = json.loads(read("local.settings.sample.json"))["Values"]

    assert set(values) == {setting.name for setting in SETTINGS} | {"FUNCTIONS_WORKER_RUNTIME"}
    for setting in SETTINGS:
        if setting.default is not None:
            assert values[setting.name] == setting.default, setting.name
    assert values["AzureWebJobsStorage"] == "UseDevelopmentStorage=true"


def test_every_fact_is_documented() -> None:
    """docs/operations.md lists the facts that the service logs, all of them and no others."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in modules("shared", "functions"))
    logged = set(re.findall(r'(?:logs\.(?:fact|warning|error)|\blog)\(\s*"([a-z_]+\.[a-z_]+)"', sources))
    logged |= {f"arrival.{outcome.value}" for outcome in Claimed}

    documented = first_cells(section(read("docs/operations.md"), "Facts in the log"))

    assert sorted(documented) == sorted(logged)


def test_every_state_and_result_is_documented() -> None:
    """docs/operations.md explains each state and names each result."""
    text = read("docs/operations.md")

    assert first_cells(section(text, "The states of an entry")) == [state.value for state in State]
    assert not [result for result in Result if f"`{result.value}`" not in text]


def test_architecture_names_every_module() -> None:
    """ARCHITECTURE.md's code map is the folder."""
    text = read("ARCHITECTURE.md")

    assert not [module for layer in LAYERS for module in layer if f"`{module}`" not in text]


def test_architecture_names_every_package_of_the_workspace() -> None:
    """Whoever looks for a part of the local workspace finds it in the table."""
    text = section(read("ARCHITECTURE.md"), "The local workspace")
    packages = {file.parent.name for file in (ROOT / "localdev" / "workspace").glob("*/__init__.py")}

    assert not [name for name in packages if f"`{name}/`" not in text]


@pytest.mark.parametrize(
    ("heading", "lines"),
    [
        ("What runs in Azure (`requirements.txt`)", read("requirements.txt").splitlines()),
        ("What develops and tests it (`requirements-dev.txt`)", read("requirements-dev.txt").splitlines()),
        ("What tasks of the local workspace may need (extras in `pyproject.toml`)", extras()),
    ],
)
def test_every_dependency_has_its_reason(heading: str, lines: list[str]) -> None:
    """docs/dependencies.md has one row for each package of a list, and the list names none twice."""
    packages = [re.split(r"[^\w-]", line)[0] for line in lines if line and line[0] not in "#-"]

    assert sorted(packages) == sorted(first_cells(section(read("docs/dependencies.md"), heading)))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    """A relative link names a file that is there."""
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text(encoding="utf-8"))

    assert not [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_headings_lead_to_them(document: Path) -> None:
    """What stands behind the # of a link is a heading of that document, as GitHub names it."""
    links = re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", document.read_text(encoding="utf-8"))

    assert not [
        (name, heading)
        for name, heading in links
        if heading not in headings(document.parent / name if name else document)
    ]


def headings(document: Path) -> set[str]:
    """Return the names that links can use for the headings of a document."""
    found = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_readme_is_short() -> None:
    """A newcomer reads all of it."""
    assert len(read("README.md").splitlines()) <= 150


def test_changelog_starts_with_what_is_unreleased() -> None:
    """What changes for users is written down when it changes."""
    assert re.search(r"^## \[Unreleased\]$", read("CHANGELOG.md"), re.MULTILINE)
