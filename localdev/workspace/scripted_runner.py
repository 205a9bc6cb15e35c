"""A runner for tests: tasks end as the test says and when it says so, without any process."""

from __future__ import annotations

import asyncio

from localdev.workspace.flow import outcomes
from localdev.workspace.model.run import TaskOutput
from localdev.workspace.runners.runner import Launch, TaskResult

SUCCESS = TaskResult(outcome=outcomes.SUCCEEDED)


def failure(error: str = "RuntimeError: as the script says") -> TaskResult:
    """Return the result of a task whose own code failed."""
    output = TaskOutput(error=error, error_trace=f"Traceback (most recent call last):\n{error}")
    return TaskResult(outcome=outcomes.FAILED, output=output)


class ScriptedExecution:
    """A task that runs until the test finishes it."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._result: asyncio.Future[TaskResult] = asyncio.get_running_loop().create_future()

    async def wait(self) -> TaskResult:
        """Wait for the script."""
        return await asyncio.shield(self._result)

    def finish(self, result: TaskResult = SUCCESS) -> None:
        """End the task by itself."""
        if not self._result.done():
            self._result.set_result(result)

    def end(self) -> None:
        """End the task as a killed process ends."""
        self.finish(TaskResult(outcome=outcomes.crashed("It was ended"), by_itself=False))


class ScriptedRunner:
    """Starts tasks that end at once with the results scripted for their task key, in order; the last one repeats.

    A result of None lets the task run until `finish` is called on its execution; `started` holds the executions in
    the order of starting. A task without a script succeeds.
    """

    def __init__(self, script: dict[str, list[TaskResult | None]] | None = None) -> None:
        self._script = script or {}
        self.started: list[ScriptedExecution] = []

    async def start(self, launch: Launch) -> ScriptedExecution:
        """Start a task that follows the script."""
        execution = ScriptedExecution(launch)
        self.started.append(execution)
        results = self._script.get(launch.task_key, [SUCCESS])
        result = results.pop(0) if len(results) > 1 else results[0]
        if result is not None:
            execution.finish(result)
        return execution

    def recover(self, attempt_id: int) -> TaskResult | None:
        """Return None: a script knows nothing of an earlier server's tasks."""
        del attempt_id
        return None

    def forget(self, attempt_id: int) -> None:
        """Do nothing: a script leaves nothing behind."""
