"""The pages of long arrays in one answer, such as a job's tasks or a run's task runs: a hundred elements at a time.

Since API 2.2: https://docs.databricks.com/aws/en/reference/jobs-api-2-2-updates. Arrays without more elements are
empty on later pages, and so are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from localdev.workspace.api import paging
from localdev.workspace.api.endpoint import Call
from localdev.workspace.api.views import TASKS_IN_A_PAGE
from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Document


def with_array_pages(call: Call, view: Mapping[str, object], names: Sequence[str]) -> tuple[Document, Document]:
    """Return a view with the page of its arrays that a call asks for, and the fields that tell of the next one."""
    arrays = {name: value for name in names if isinstance(value := view.get(name), list)}
    longest = max(map(len, arrays.values()), default=0)
    if call.version != "2.2":
        if longest > TASKS_IN_A_PAGE:
            raise invalid("Resources with more than 100 tasks can only be handled by API 2.2 and above.")
        return dict(view), {}
    token = call.fields().text("page_token")
    start = paging.place_of(token, 1)[0] if token else 0
    end = start + TASKS_IN_A_PAGE
    pages = {name: array[start:end] for name, array in arrays.items()}
    kept = {name: value for name, value in view.items() if name not in pages or pages[name] or not start}
    shown = {name: pages.get(name, value) for name, value in kept.items()}
    return shown, {"next_page_token": paging.token_of((end,))} if end < longest else {}
