"""What a change of the rules does to files that have landed: each row of the table in docs/rules.md, section 14.3."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.errors import JobsBusy
from shared.model import Result
from tests.fakes.world import World

DOCUMENT = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
MINUTE, HOUR = 60.0, 3600.0
KNOWN, LOST, LATER = "landing/crm/known.csv", "landing/crm/lost.csv", "landing/crm/later.csv"


@dataclass(frozen=True)
class Change:
    """Rules before and after, and by which rule, as the ledger calls it, each of three files is taken in the end."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    known: tuple[str, ...]  # it had been taken before the change
    lost: tuple[str, ...]  # it had landed before the change, and its event was lost
    later: tuple[str, ...]  # it landed after the change
    first: tuple[str, ...] = ()  # rules that were in force before those, if others were
    is_told_again: bool = True  # the event of the known file comes again


CSV = 'path: "landing/crm/*.csv", job: {id: 7}'
ALL = 'path: "landing/**", job: {id: 8}'
PARTICULAR, GENERAL = f"name: particular, {CSV}", f"name: general, {ALL}"
CHANGES = {
    "another name, with `renamed_from`": Change(
        (PARTICULAR,),
        (f"name: special, renamed_from: particular, {CSV}",),
        known=("particular",),
        lost=("particular",),
        later=("particular",),
    ),
    "another name, without": Change(
        (PARTICULAR,),
        (f"name: special, {CSV}",),
        known=("particular",),
        lost=(),
        later=("special",),
        is_told_again=False,
    ),
    "a former name taken out, or put in later": Change(
        (f"name: special, renamed_from: particular, {CSV}",),
        (f"name: special, {CSV}",),
        known=("particular",),
        lost=(),
        later=("special",),
        is_told_again=False,
    ),
    "another place in the file": Change(
        (PARTICULAR, GENERAL),
        (GENERAL, PARTICULAR),
        known=("particular",),
        lost=("general",),
        later=("general",),
    ),
    "a rule disabled": Change(
        (PARTICULAR, GENERAL),
        (f"{PARTICULAR}, enabled: false", GENERAL),
        known=("particular",),
        lost=("general",),
        later=("general",),
    ),
    "a rule removed": Change(
        (PARTICULAR, GENERAL),
        (GENERAL,),
        known=("particular",),
        lost=("general",),
        later=("general",),
        is_told_again=False,
    ),
    "a rule enabled again": Change(
        (f"{PARTICULAR}, enabled: false", GENERAL),
        (PARTICULAR, GENERAL),
        known=("general",),
        lost=("particular",),
        later=("particular",),
        first=(PARTICULAR, GENERAL),
    ),
    "a new rule": Change((GENERAL,), (PARTICULAR, GENERAL), known=("general",), lost=(), later=("particular",)),
    "another path, `exclude` or condition": Change(
        ('name: particular, path: "landing/crm/k*.csv", job: {id: 7}',),
        (PARTICULAR,),
        known=("particular",),
        lost=("particular",),
        later=("particular",),
    ),
    "`also: true` put in": Change(
        (PARTICULAR, GENERAL),
        (f"{PARTICULAR}, also: true", GENERAL),
        known=("general", "particular"),
        lost=("general", "particular"),
        later=("general", "particular"),
    ),
    "another job, other parameters": Change(
        (PARTICULAR,),
        ('name: particular, path: "landing/crm/*.csv", job: {id: 9}, notebook_params: {a: b}',),
        known=("particular",),
        lost=("particular",),
        later=("particular",),
    ),
}


def rules(written: tuple[str, ...]) -> str:
    """Return a rules file."""
    return "\n".join(["version: 1", "rules:", *(f"  - {{{each}}}" for each in written), ""])


@pytest.mark.parametrize("change", CHANGES)
async def test_change_does_to_files_what_its_row_says(change: str) -> None:
    """Whoever took a file keeps it, by sweep and by an event that comes again; the others go where the row says."""
    case = CHANGES[change]
    world = World(rules(case.first or case.before))
    await world.reconciler.run()
    world.restart(rules(case.before))
    world.clock.advance(HOUR)
    known = world.landing.upload(KNOWN)
    await world.deliver(known)
    world.clock.advance(MINUTE)
    world.landing.upload(LOST)
    world.clock.advance(MINUTE)

    world.restart(rules(case.after))
    await world.reconciler.run()
    world.clock.advance(HOUR)
    if case.is_told_again:
        await world.deliver(known)
    await world.reconciler.run()
    await world.deliver(world.landing.upload(LATER))

    taken: dict[str, list[str]] = {KNOWN: [], LOST: [], LATER: []}
    for entry in await world.all_entries():
        assert entry.result is not Result.IGNORED
        taken[entry.arrival.full_path].append(entry.rule)
    assert {path: tuple(sorted(names)) for path, names in taken.items()} == {
        KNOWN: case.known,
        LOST: case.lost,
        LATER: case.later,
    }


async def test_rule_with_also_that_is_disabled_holds_nothing_back() -> None:
    """It was in nobody's place: what it took and another rule missed is still missed."""
    audit, small = "name: audit, also: true, path: 'landing/**', job: {id: 1}", f"{PARTICULAR}, min_size: 1KB"
    world = World(rules((audit, small)))
    await world.reconciler.run()
    world.clock.advance(HOUR)
    await world.drop(KNOWN)

    world.restart(rules((f"{audit}, enabled: false", PARTICULAR)))
    world.clock.advance(HOUR)
    await world.reconciler.run()

    assert sorted(entry.rule for entry in await world.all_entries()) == ["audit", "particular"]


async def test_rule_disabled_from_the_first_is_in_nobodys_way() -> None:
    """A rule that never was in force has no entries to be asked for."""
    world = World(rules((f"{PARTICULAR}, enabled: false", GENERAL)))
    await world.reconciler.run()
    world.clock.advance(HOUR)
    world.landing.upload(LOST)
    world.clock.advance(HOUR)
    done = await world.reconciler.run()

    assert [entry.rule for entry in await world.all_entries()] == ["general"]
    assert done.failures == []


async def test_claimed_file_keeps_its_request() -> None:
    """What was claimed starts the job that its rule named then, with the parameters of then."""
    world = World(rules((PARTICULAR,)))
    await world.reconciler.run()
    world.databricks.fail_next(JobsBusy("later"))
    claim = await world.drop(KNOWN)
    before = len(world.databricks.runs)
    world.restart(rules(('name: particular, path: "landing/crm/*.csv", job: {id: 9}, notebook_params: {a: b}',)))
    world.clock.advance(HOUR)
    await world.reconciler.run()

    body = json.loads(world.databricks.sent[-1].body)
    assert (before, len(world.databricks.runs)) == (0, 1)
    assert body["job_id"] == 7
    assert body["notebook_params"]["landfall_entry"] == claim.entry.key
    assert "a" not in body["notebook_params"]


def test_every_row_of_the_document_is_tried() -> None:
    """The table and the tests are about the same changes."""
    table = DOCUMENT.partition("### 14.3")[2].partition("\n## ")[0]

    assert re.findall(r"^\| ([^|]+?) \| [^-|][^|]* \| [^|]+ \|$", table, re.MULTILINE)[1:] == [*CHANGES]
