"""Mutants of the sweep, of dead letters and of pruning: what is missed, what is proven, what may go."""

from __future__ import annotations

from tests.mutants.mutant import Change, Mutant, Simulation, Suite

SWEEPING = (
    Mutant(
        "watermark-at-the-newest",
        "the watermark moves up to the listing itself: no grace, no overlap",
        (
            Change(
                "shared.sweep.conclusion",
                "seen = found.round.started_at - settings.reconcile_grace - OVERLAP",
                "seen = found.round.started_at",
            ),
            Change(
                "shared.sweep.conclusion",
                "up_to = min(seen, left.get(sweep.ledger_name, seen + _MOMENT) - _MOMENT)",
                "up_to = seen",
            ),
        ),
    ),
    Mutant(
        "watermark-passes-failures",
        "the watermark of a rule moves though one of its prefixes could not be listed",
        (
            Change(
                "shared.sweep.conclusion",
                "if sweep.complete and view.proves(sweep.rule) and up_to",
                "if view.proves(sweep.rule) and up_to",
            ),
        ),
        Suite(
            "tests/shared/test_sweep.py::test_failing_listing_keeps_its_watermark_and_says_so",
            "a listing has to fail for a whole round, and a file to be lost below it, which few simulated histories do",
        ),
    ),
    Mutant(
        "baseline-ignored",
        "what lay there before its rule was first seen is run",
        (
            Change(
                "shared.sweep.view",
                "found[rule] = max(standing.baseline, min(reach, standing.low_watermark))",
                "found[rule] = min(reach, standing.low_watermark)",
            ),
        ),
        Suite(
            "tests/shared/test_sweep.py::test_file_older_than_the_rule_does_not_fire",
            "simulated histories begin with empty containers",
        ),
    ),
    Mutant(
        "grace-ignored",
        "a file counts as missed while its event may still be on its way",
        (
            Change("shared.sweep.judging", "elif committed_at > until:", "elif committed_at.year > 9000:"),
            Change("shared.sweep.claiming", "if current.committed_at > until:", "if current.committed_at.year > 9000:"),
        ),
        Suite(
            "tests/shared/test_sweep.py::test_grace_gives_the_event_its_time",
            "a file that is taken for missed too early runs once all the same, and is only counted wrongly",
        ),
    ),
    Mutant(
        "sweep-does-not-look-again",
        "what a page of a listing showed is claimed, though the blob may have been replaced meanwhile",
        (
            Change(
                "shared.sweep.claiming",
                "current = await self._landing.identify(candidate.arrival)",
                "current = candidate.arrival",
            ),
        ),
        Suite(
            "tests/shared/test_sweep.py::test_sweep_takes_the_version_that_is_there",
            "a file has to be replaced between a page and its claim, which few simulated histories do",
        ),
    ),
    Mutant(
        "superseded-is-known",
        "the sweep takes what was closed because it was not there for known, though it is there now",
        (Change("shared.sweep.known", "if outcome not in ABSENT:", "if outcome:"),),
        Suite(
            "tests/shared/test_sweep.py::test_version_that_is_there_was_not_superseded",
            "simulated clocks differ by less than the service allows for",
        ),
    ),
    Mutant(
        "prune-by-age",
        "old entries go though sweeps still compare with them",
        (
            Change(
                "shared.prune",
                "before = min(aged, standing.low_watermark - self._settings.reconcile_look_back)",
                "before = aged",
            ),
            Change(
                "shared.prune",
                "return (older_than or retention) + self._settings.sweep_deep_every + LONGEST_SWEEP",
                "return older_than or retention",
            ),
        ),
        Simulation(frozenset({"prunes", "listing-down", "lost-events"})),
    ),
    Mutant(
        "prune-what-is-open",
        "old entries go though nobody has closed them",
        (
            Change(
                "shared.ledger.old_rows",
                "if indexed.outcome != OPEN and (indexed.claimed_at or _BEGINNING) < claimed_before:",
                "if (indexed.claimed_at or _BEGINNING) < claimed_before:",
            ),
            Change(
                "shared.ledger.old_rows",
                "if entry.is_open or (entry.settled_at or entry.claimed_at) >= settled_before:",
                "if entry.key is None:",
            ),
        ),
        Suite(
            "tests/shared/test_prune.py::test_open_entries_never_go",
            "nothing stays open in a simulated history for as long as the retention",
        ),
    ),
    Mutant(
        "dead-letter-removed-first",
        "a dead letter is put aside before its events are claimed",
        (
            Change(
                "shared.dead_letters",
                "        if not await self._claim(letter, file.letters, result, deadline):\n            return\n",
                "        await self._store.move(letter, Folder.HANDLED)\n"
                "        if not await self._claim(letter, file.letters, result, deadline):\n            return\n",
            ),
        ),
        Suite(
            "tests/shared/test_dead_letters.py::test_letter_stays_while_the_ledger_is_down",
            "what such a letter told of is found by the sweep, unless it was overwritten since",
        ),
    ),
    Mutant(
        "sweeps-find-nothing",
        "nobody looks for what no event announced",
        (Change("shared.sweep.judging", "                yield Candidate(rule, arrival)\n", "                pass\n"),),
    ),
)
