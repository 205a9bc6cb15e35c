"""What happened, when: kept for the one who must find out why a file was lost or run twice."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class History:
    """Notes of one run of the scene, in seconds from its beginning; `notes.jsonl` in the folder has them at once."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._seed = seed
        self._folder = folder
        self._began = time.monotonic()
        self._notes: list[dict[str, Any]] = []

    @property
    def seconds(self) -> float:
        """Return how long it has lasted."""
        return time.monotonic() - self._began

    def note(self, what: str, **facts: object) -> None:
        """Write down that something has happened."""
        note = {"at": round(self.seconds, 2), "what": what, **facts}
        self._notes.append(note)
        with (self._folder / "notes.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(note) + "\n")

    def count(self, what: str) -> int:
        """Return how often something has happened."""
        return sum(note["what"] == what for note in self._notes)

    def milestones(self) -> str:
        """Return what has happened once, and when."""
        return ", ".join(f"{note['what']} {note['at']:.0f}" for note in self._notes if self.count(note["what"]) == 1)

    def save(self, found: Mapping[str, Any], logs: str) -> Path:
        """Write all of it to a file and return its path.

        `found` maps headings to what was found; a mapping of blob paths gets the lines of the logs that name them.
        """
        lines = logs.splitlines()
        suspects = {path for value in found.values() if isinstance(value, Mapping) for path in value}
        told = {path: [line[:600] for line in lines if path in line] for path in sorted(suspects)[:50]}
        file = self._folder / "history.json"
        document = {"seed": self._seed, **found, "log_lines": told, "notes": self._notes}
        file.write_text(json.dumps(document, indent=1, default=str), encoding="utf-8")
        return file
