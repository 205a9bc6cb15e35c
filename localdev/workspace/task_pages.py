"""The pages of a job's tasks and of a run's task runs: a hundred at a time, since API 2.2.

https://docs.databricks.com/aws/en/reference/jobs-api-2-2-updates
"""

from __future__ import annotations

from localdev.workspace import paging
from localdev.workspace.endpoint import Call
from localdev.workspace.errors import invalid
from localdev.workspace.json_fields import Document
from localdev.workspace.views import TASKS_IN_A_PAGE


def with_task_page(call: Call, tasks: list[Document]) -> tuple[list[Document], Document]:
    """Return the page of tasks that a call asks for, and the fields that tell of the next one."""
    if call.version != "2.2":
        if len(tasks) > TASKS_IN_A_PAGE:
            raise invalid("Resources with more than 100 tasks can only be handled by API 2.2 and above.")
        return tasks, {}
    token = call.fields().text("page_token")
    start = paging.place_of(token, 1)[0] if token else 0
    end = start + TASKS_IN_A_PAGE
    return tasks[start:end], {"next_page_token": paging.token_of((end,))} if end < len(tasks) else {}
