"""The generated parts of docs/proof.md, and the file of results that they are made from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"
DOCUMENT = DOCS / "proof.md"
RESULTS = DOCS / "proof.json"
COLUMNS = {"what": "what was run", "how_many": "how many", "result": "result", "seed": "seed", "date": "date"}
Record = Mapping[str, Any]


def kept() -> list[Record]:
    """Return the newest result of each proof, in the order of the document."""
    return list(json.loads(RESULTS.read_text(encoding="utf-8"))) if RESULTS.exists() else []


def merged(old: Iterable[Record], new: Iterable[Record]) -> list[Record]:
    """Return the results with newer ones in the place of older ones of the same name."""
    by_name = {record["what"]: record for record in old}
    by_name |= {record["what"]: record for record in new}
    return list(by_name.values())


def keep(records: Iterable[Record]) -> None:
    """Write the results down."""
    RESULTS.write_text(json.dumps(list(records), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def table(records: Iterable[Record]) -> str:
    """Return the results as a Markdown table."""
    lines = [" | ".join(COLUMNS.values()), "|".join("---" for _ in COLUMNS)]
    lines += [" | ".join(_cell(record[column]) for column in COLUMNS) for record in records]
    return "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines)


def refreshed(text: str, records: Iterable[Record]) -> str:
    """Return the document with its generated parts as these results say."""
    records = list(records)
    text = _with_part(text, "results", table(records))
    return _with_part(text, "mutants", "\n\n".join(record["table"] for record in records if record["table"]))


def _with_part(text: str, name: str, content: str) -> str:
    """Return a document with what stands between the marks of a part replaced; raises ValueError without the marks."""
    pattern = re.compile(rf"(<!-- {name}: begin[^>]*-->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"{DOCUMENT.name} has no marks of the part {name!r}: <!-- {name}: begin --> and its end")
    return pattern.sub(lambda found: f"{found[1]}{content}\n{found[2]}", text)


def _cell(value: object) -> str:
    return " ".join(str(value or "-").split()).replace("|", "\\|")
