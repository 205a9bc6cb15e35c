"""Which kinds of task the local workspace runs, and what reads each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from localdev.workspace.json_fields import Fields
from localdev.workspace.model import TaskKind, Work
from localdev.workspace.tasks import notebook, python_file

Reader = Callable[[Fields, str], Work]  # the fields of `<kind>`, and the words that name the task in an error

READERS: Mapping[TaskKind, Reader] = {
    TaskKind.NOTEBOOK: notebook.read,
    TaskKind.PYTHON: python_file.read,
}
