"""Mutants of claiming: what an arrival is, who has it, and what is written beside it."""

from __future__ import annotations

from tests.mutants.mutant import Change, Mutant, Suite

CLAIMING = (
    Mutant(
        "acknowledged-unclaimed",
        "an event is answered with success though its claim could not be written (R7)",
        (
            Change(
                "shared.intake",
                "        if failures:\n            raise failures[0]\n        return claims\n",
                "        return claims\n",
            ),
        ),
    ),
    Mutant(
        "write-unconditionally",
        "an entry is written whatever somebody else has made of it meanwhile (R4)",
        (
            Change(
                "shared.ledger.entries",
                "[Replace(entry_row_key(entry.key), entry_values(moved), entry.etag)]",
                "[Put(entry_row_key(entry.key), entry_values(moved))]",
            ),
            # The removal of the former marker would notice by itself that somebody was first.
            Change(
                "shared.ledger.entries",
                "if existing is None or existing.etag != entry.etag:",
                "if existing is None:",
            ),
        ),
    ),
    Mutant(
        "conflict-is-ours",
        "a conflict is taken for a write of our own, without a look at its nonce (R1)",
        (
            Change(
                "shared.ledger.entries",
                "if existing is not None and existing.nonce == moved.nonce:\n            return existing",
                "if existing is not None and existing.etag != entry.etag:\n            return existing",
            ),
        ),
        Suite(
            "tests/shared/ledger/test_entries.py::test_racing_leases_have_one_winner",
            "whoever lost the lease sends the same token once more, which makes no second run",
        ),
    ),
    Mutant(
        "claim-is-never-ours",
        "a claim whose answer was lost counts as somebody else's: the nonce is not compared (R1)",
        (Change("shared.ledger.entries", "ours = existing.nonce == entry.nonce", "ours = False"),),
        Suite(
            "tests/shared/ledger/test_entries.py::test_lost_answer_is_recognised_by_its_nonce",
            "the entry waits for the end of its lease and runs once all the same",
        ),
    ),
    Mutant(
        "marker-in-another-transaction",
        "an entry and its marker change one after the other, and not together (R1)",
        (
            Change(
                "shared.ledger.entries",
                "            etags = await self._table.transact(partition, _move_operations(entry, moved))\n"
                "        except LedgerConflict:",
                "            steps = _move_operations(entry, moved)\n"
                "            etags = await self._table.transact(partition, steps[:1])\n"
                "            if steps[1:]:\n"
                "                await self._table.transact(partition, steps[1:])\n"
                "        except LedgerConflict:",
            ),
        ),
    ),
    Mutant(
        "claimed-before-marked",
        "an entry is created first and its marker after it (R1)",
        (
            Change(
                "shared.ledger.entries",
                "        etags = await self._table.transact(partition_of(entry.rule, entry.arrival), operations)\n"
                "        return Claim(_outcome(entry)",
                "        partition = partition_of(entry.rule, entry.arrival)\n"
                "        late = [step for step in operations if step.key.startswith(MARKER)]\n"
                "        etags = await self._table.transact(partition, [s for s in operations if s not in late])\n"
                "        if late:\n"
                "            await self._table.transact(partition, late)\n"
                "        return Claim(_outcome(entry)",
            ),
        ),
    ),
    Mutant(
        "etag-as-it-comes",
        "ETags are not normalised: events quote them, listings do not",
        (
            Change(
                "shared.model",
                """return text.strip().removeprefix("W/").strip('"')""",
                "return text",
            ),
        ),
    ),
    Mutant(
        "key-without-version",
        "an overwritten file is the arrival that it was",
        (
            Change(
                "shared.model",
                "return _digest([rule, arrival.account, arrival.container, arrival.path, arrival.version])",
                "return _digest([rule, arrival.account, arrival.container, arrival.path])",
            ),
        ),
    ),
    Mutant(
        "touch-runs",
        "a touch is not told from new content",
        (
            Change(
                "shared.ledger.judgement",
                "    if comparison is Comparison.TOUCHED:\n        return _closed(entry, Result.TOUCHED)\n",
                "",
            ),
        ),
    ),
    Mutant(
        "late-old-event-runs",
        "an event of an older version than the newest known one is run",
        (
            Change(
                "shared.ledger.judgement",
                "    if comparison is Comparison.OLDER:\n        return _closed(entry, Result.SUPERSEDED)\n",
                "",
            ),
        ),
        Suite(
            "tests/shared/ledger/test_entries.py::test_late_old_event_is_superseded",
            "each version may run once in a simulated history, whatever ran before it",
        ),
    ),
    Mutant(
        "reordered-rules-run-again",
        "what comes late is claimed by the rule of today, though another has had it",
        (
            Change(
                "shared.intake",
                "if not await self._is_taken(match, rivals):",
                "if not await self._is_taken(match, rivals) or is_late:",
            ),
        ),
        Suite(
            "tests/shared/test_changed_rules.py::test_change_does_to_files_what_its_row_says",
            "rules are edited in few simulated histories, and most late files are of before or after",
        ),
    ),
    Mutant(
        "absent-for-ever",
        "an entry that was closed because its version was not there stays closed when it is there again",
        (
            Change(
                "shared.intake",
                '            logs.warning("entry.reopened", result=entry.result, **entry.log_fields())\n',
                "            return claim\n",
            ),
        ),
        Suite(
            "tests/shared/test_sweep.py::test_version_that_is_there_was_not_superseded",
            "simulated clocks differ by less than the service allows for, and files do not come back",
        ),
    ),
    Mutant(
        "one-bad-event-stops-the-others",
        "the events after one that fails are dropped, and the payload is answered with success",
        (
            Change(
                "shared.intake",
                "                failures.append(error)\n        if failures:\n            raise failures[0]\n",
                "                failures.append(error)\n                break\n",
            ),
        ),
    ),
)
