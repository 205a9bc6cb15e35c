"""Hostile names in a run: a notebook of the local workspace reads the very name, through HTTP, a file and a process."""

from __future__ import annotations

import json
from pathlib import Path

from tests.hostile import tally
from tests.hostile.corpus import names
from tests.localdev.workspace.kit import notebook, open_workspace, task, workspace_settings

PASSED = [name for name in names() if name.event == "verbatim" and name.verbatim == "runs" and len(name.text) < 100]
READ = 'import json\nget = dbutils.widgets.get\ndbutils.notebook.exit(json.dumps([get(f"n{i}") for i in range(COUNT)]))'


async def test_notebook_reads_every_name(tmp_path: Path) -> None:
    """Nothing on the way obeys, cuts or changes a name: zero, escape sequences, quotes and line breaks included."""
    notebook(tmp_path / "notebooks", "main", READ.replace("COUNT", str(len(PASSED))))
    parameters = {f"n{number}": name.text for number, name in enumerate(PASSED)}

    async with open_workspace(workspace_settings(tmp_path)) as workspace:
        ended = await workspace.ended(
            await workspace.run_now(await workspace.create(task()), notebook_params=parameters)
        )
        outputs = await workspace.outputs(ended)

    assert ended["state"]["result_state"] == "SUCCESS", outputs
    assert json.loads(outputs["main"]["notebook_output"]["result"]) == [name.text for name in PASSED]
    tally.count("corpus", len(PASSED))
