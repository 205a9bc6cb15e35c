"""Secret scopes on a laptop: a YAML or JSON file of scopes, keys and values, for dbutils.secrets.

    etl:
      storage-key: "…"

https://docs.databricks.com/aws/en/security/secrets/
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Mapping as Map
from pathlib import Path

from localdev.workspace.errors import WorkspaceNotStarted
from shared.yaml_source import Mapping, Node, Text, read_yaml

_OTHERS = stat.S_IRWXG | stat.S_IRWXO

logger = logging.getLogger("landfall")

Scopes = Map[str, Map[str, str]]


def read(file: Path) -> Scopes:
    """Return the values by scope and key; warns of a file that others may read. Raises WorkspaceNotStarted.

    Errors name lines and never what stands in them.
    """
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceNotStarted(f"The secrets file {file} cannot be read.") from error
    if mode & _OTHERS:
        logger.warning("The secrets file %s can be read by others: chmod 600 keeps it to yourself.", file)
    document = read_yaml(text)
    if document.root is None or document.faults:
        line = document.faults[0].line if document.faults else 1
        raise _unusable(file, line, "it is no YAML or JSON that can be read")
    return {
        scope: {key: _value(value, file) for key, value in _entries(keys, file)}
        for scope, keys in _entries(document.root, file)
    }


def _entries(node: Node, file: Path) -> list[tuple[str, Node]]:
    if not isinstance(node, Mapping):
        raise _unusable(file, node.line, "a mapping is expected here: scope, then key, then value")
    return [(key.value, value) for key, value in node.entries]


def _value(node: Node, file: Path) -> str:
    if not isinstance(node, Text):
        raise _unusable(file, node.line, "a secret is text: put it in quotes")
    return node.value


def _unusable(file: Path, line: int, what: str) -> WorkspaceNotStarted:
    return WorkspaceNotStarted(
        f"The secrets file {file} cannot be used: {what} (line {line}).",
        hint='Write scopes, keys and values: {"etl": {"storage-key": "…"}}.',
    )
