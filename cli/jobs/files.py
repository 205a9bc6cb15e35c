"""Jobs as files hold them: one, a list of them, or a mapping below `jobs`, in JSON or YAML."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.rules.check.findings import one_line
from shared.errors import ConfigurationError, Fault
from shared.wording import shown
from shared.yaml_source import Boolean, Node, Null, Number, Sequence, Text, read_yaml
from shared.yaml_source import Mapping as MappingNode

STANDARD_INPUT = "-"
_STANDARD_INPUT_NAME = "<stdin>"
_SHAPES = "a job, a list of jobs, or a mapping `jobs` with a job for each name"


class JobFileError(ConfigurationError):
    """A file cannot be read as jobs."""


@dataclass(frozen=True, slots=True)
class JobFile:
    """One job of a file: the settings that jobs/create takes."""

    file: str
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the job's name, "" where it has none that could be one."""
        name = self.settings.get("name")
        return name if isinstance(name, str) else ""


def read_jobs(file: str) -> list[JobFile]:
    """Return the jobs of a file, or of standard input for `-`; raises JobFileError."""
    name, text = _read(file)
    document = _json(name, text) if name.endswith(".json") else _yaml(name, text)
    found = [JobFile(name, settings) for settings in _jobs(name, document)]
    if not found:
        raise JobFileError(name, [Fault("holds no job.")], hint=f"It may hold {_SHAPES}.")
    return found


def _read(file: str) -> tuple[str, str]:
    try:
        if file == STANDARD_INPUT:
            return _STANDARD_INPUT_NAME, sys.stdin.buffer.read().decode("utf-8-sig")
        return one_line(file), Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise JobFileError(one_line(file), [Fault(f"cannot be read: {reason}.")]) from None


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise JobFileError(name, [Fault(f"is no JSON: {error.msg}.", error.lineno, error.colno)]) from None
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply."
        raise JobFileError(name, [Fault(reason)]) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{shown(key)} is given more than once in one object.")
        found[key] = value
    return found


def _yaml(name: str, text: str) -> Any:
    document = read_yaml(text)
    if document.faults or document.root is None:
        raise JobFileError(name, document.faults)
    return _value(document.root)


def _value(node: Node) -> Any:
    match node:
        case MappingNode():
            return {key.value: _value(each) for key, each in node.entries}
        case Sequence():
            return [_value(each) for each in node.items]
        case Text() | Number() | Boolean():
            return node.value
        case Null():
            return None
    raise TypeError(node)  # an Invalid comes with a fault, and a document with faults is not looked at


def _jobs(name: str, document: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the settings of all jobs, whichever way the file holds them."""
    if isinstance(document, dict) and isinstance(document.get("resources"), dict):  # a bundle
        document = document["resources"]
    if isinstance(document, dict) and "jobs" in document and "tasks" not in document:
        document = document["jobs"]
        if isinstance(document, dict):
            document = [{"name": key, **_object(name, key, job)} for key, job in document.items()]
    for number, job in enumerate(document if isinstance(document, list) else [document]):
        settings = _object(name, str(number), job)
        yield _object(name, "settings", settings["settings"]) if "settings" in settings else settings


def _object(name: str, place: str, job: Any) -> dict[str, Any]:
    if not isinstance(job, dict):
        raise JobFileError(name, [Fault(f"{shown(place)} is no job.")], hint=f"A file may hold {_SHAPES}.")
    return job
