"""`python -m tests.proof`: run the proofs and refresh docs/proof.md with what they showed."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.proof import document
from tests.proof.commands import PROOFS, Proof
from tests.proof_record import PROOF_FILE


def main() -> int:
    """Run the proofs that were named, one after the other; return 1 when one fails, 130 when interrupted."""
    chosen = _arguments()
    failed = []
    try:
        for proof in chosen:
            print(f"{proof.name}: {' '.join(proof.argv[1:])}", flush=True)
            if not _ran(proof):
                failed.append(proof.name)
    except KeyboardInterrupt:
        print("Interrupted; the results so far are kept.", file=sys.stderr)
        return 130
    finally:
        _refresh()
    if failed:
        print(f"Failed, and left as they were in {document.DOCUMENT.name}: {', '.join(failed)}", file=sys.stderr)
        return 1
    print(f"{document.DOCUMENT.name} tells what {len(chosen)} proofs showed.")
    return 0


def _arguments() -> list[Proof]:
    names = [proof.name for proof in PROOFS]
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which proofs: {', '.join(names)} (default: all)")
    parser.add_argument("--render", action="store_true", help="run nothing; write the tables from docs/proof.json")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(names)
    if unknown:
        parser.error(f"there is no proof called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if arguments.render:
        return []
    return [proof for proof in PROOFS if not arguments.names or proof.name in arguments.names]


def _ran(proof: Proof) -> bool:
    """Run one proof and keep its records if it succeeded."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records.jsonl"
        started = time.monotonic()
        environment = {**os.environ, **proof.environment, PROOF_FILE: str(file)}
        done = subprocess.run(proof.argv, env=environment, check=False)
        print(f"{proof.name}: exit {done.returncode} after {time.monotonic() - started:.0f} s", flush=True)
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    if done.returncode == 0 and not lines:
        print(f"{proof.name} recorded nothing: it has shown nothing.", file=sys.stderr)
    if done.returncode or not lines:
        return False
    document.keep(document.merged(document.kept(), map(json.loads, lines)))
    return True


def _refresh() -> None:
    text = document.DOCUMENT.read_text(encoding="utf-8")
    document.DOCUMENT.write_text(document.refreshed(text, document.kept()), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
