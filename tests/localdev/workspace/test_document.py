"""docs/workspace*.md are compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

from localdev.workspace.__main__ import TOKEN_VARIABLE, _parser
from localdev.workspace.api.api_table import ENDPOINTS, OTHER_ENDPOINTS
from localdev.workspace.child.utilities import Widgets
from localdev.workspace.flow.outcomes import LOST

DOCUMENTS = Path(__file__).parents[3] / "docs"


def section(document: str, title: str) -> str:
    """Return a section of a document."""
    return read(document).split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def read(document: str) -> str:
    """Return a document's text."""
    return (DOCUMENTS / document).read_text(encoding="utf-8")


def test_every_endpoint_is_documented() -> None:
    """The tables list what there is, of the Jobs API and of others, in the order of the code."""
    documented = re.findall(r"^\| `(\w+) (\S+)`", section("workspace-api.md", "Endpoints"), re.MULTILINE)

    assert documented == [*ENDPOINTS, *OTHER_ENDPOINTS]


def test_every_option_is_documented() -> None:
    """The table of options is that of --help."""
    options = {option for action in _parser()._actions for option in action.option_strings}

    assert set(re.findall(r"`(--[a-z-]+)`", section("workspace.md", "Options"))) == options - {"-h", "--help"}
    assert f"`{TOKEN_VARIABLE}`" in section("workspace.md", "Options")


def test_every_widget_is_documented() -> None:
    """A notebook's author can see which calls work."""
    row = next(line for line in read("workspace-tasks.md").splitlines() if line.startswith("| `dbutils.widgets`"))

    assert set(re.findall(r"`(\w+)`", row)) == {name for name in vars(Widgets) if not name.startswith("_")}


def test_message_of_a_lost_task_is_documented() -> None:
    """Whoever finds it in a run can look it up."""
    assert LOST.message.partition(":")[0] in section("workspace.md", "Memory")
