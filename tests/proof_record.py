"""What a proof leaves behind: one line of JSON for each run of it, from which the table of docs/proof.md is made."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

# Names the file that records are appended to; nothing is recorded where it is not set.
PROOF_FILE = "LANDFALL_PROOF"


def record(
    what: str, *, how_many: str, result: str, seed: str = "", seconds: float | None = None, table: str = ""
) -> None:
    """Append what was run, how many, its result and its seed to the file of proofs, where the environment names one.

    `what` is the row of docs/proof.md that the record belongs to; `seed` repeats the run. Texts are for people:
    "1,000 histories, 38,212 arrivals", "0 lost, 0 double, 0 stuck, 0 wrong". `table` is Markdown that the document
    shows besides.
    """
    file = os.environ.get(PROOF_FILE)
    if not file:
        return
    line = {
        "what": what,
        "how_many": how_many,
        "result": result,
        "seed": seed,
        "seconds": None if seconds is None else round(seconds, 1),
        "table": table,
        "date": datetime.now(UTC).date().isoformat(),
    }
    with Path(file).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line, ensure_ascii=False) + "\n")
