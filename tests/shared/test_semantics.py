"""Semantics: what each thing that can happen to a file leaves behind. docs/semantics.md is the table of these tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.errors import JobMissing, LedgerUnavailable
from shared.landing import COPYING, NO_FILE
from shared.ledger import Claimed
from shared.model import Arrival, Result, State, Verdict
from tests.fakes.manual_clock import START
from tests.fakes.world import World, directory_renamed_body

MINUTE, HOUR = 60.0, 3600.0
PATH = "landing/crm/a.csv"
RULE = """
version: 1
rules:
  - name: crm
    path: "landing/crm/{name}.csv"
    job: {id: 7}
"""


@pytest.fixture
async def world() -> World:
    """Return a service whose rule has been active since START."""
    world = World(RULE)
    await world.reconciler.run()
    world.clock.advance(1)
    return world


async def passes(world: World, count: int, every: float = MINUTE) -> None:
    """Let time pass and the timer fire."""
    for _ in range(count):
        world.clock.advance(every)
        await world.reconciler.run()


async def results(world: World) -> list[Result | None]:
    """Return the results of all entries, in the order of their arrivals."""
    return [entry.result for entry in await world.all_entries()]


async def test_empty_file_runs_after_a_look(world: World) -> None:
    """A file without content is a file: a `_SUCCESS` marker must start its job."""
    claim = await world.drop(PATH, b"")

    assert claim.entry.state is State.SUBMITTED


async def test_directory_marker_starts_nothing(world: World) -> None:
    """A blob without content that only marks a directory is recorded, not run."""
    await world.deliver(world.landing.mark_directory(PATH))
    await passes(world, 10)

    entry = await world.only_entry()
    assert (entry.state, entry.result, entry.reason) == (State.SETTLED, Result.IGNORED, NO_FILE)
    assert world.databricks.sent == []


async def test_directory_marker_found_by_the_sweep_starts_nothing(world: World) -> None:
    """A listing of an account without a hierarchical namespace shows markers like files; the blob says what it is."""
    world.landing.mark_directory(PATH)
    await passes(world, 20)

    entry = await world.only_entry()
    assert (entry.result, entry.reason) == (Result.IGNORED, NO_FILE)
    assert world.databricks.sent == []


async def test_renamed_marker_starts_nothing(world: World) -> None:
    """A marker that is renamed stays a marker."""
    marker = world.landing.mark_directory(PATH)

    (claim,) = await world.deliver(replace(marker, version=None, size=None))

    assert (claim.outcome, claim.entry.reason) == (Claimed.CLOSED, NO_FILE)


@pytest.mark.parametrize(
    ("opens", "commits"), [("CreateFile", "FlushWithClose"), ("SftpCreate", "SftpCommit"), ("", "SftpCommit")]
)
async def test_upload_in_steps_runs_at_its_commit(world: World, opens: str, commits: str) -> None:
    """ADLS and SFTP announce an empty file and then its commit: one run, for the whole."""
    if opens:
        await world.deliver(world.landing.upload(PATH, b"", api=opens))
    world.clock.advance(2)
    await world.deliver(world.landing.upload(PATH, b"1,2,3", api=commits))
    await passes(world, 10)

    assert len(world.databricks.runs) == 1


async def test_commit_that_says_it_is_empty_runs(world: World) -> None:
    """Microsoft's sample of an SFTP commit has a length of 0: only the blob tells how large it is."""
    committed = world.landing.upload(PATH, b"1,2,3", api="SftpCommit")

    (claim,) = await world.deliver(replace(committed, size=0))

    assert claim.entry.state is State.SUBMITTED


async def test_file_renamed_into_place_runs_once(world: World) -> None:
    """Written elsewhere and renamed, a file starts its job, though it keeps the ETag and the time it had there."""
    world.landing.upload("landing/tmp/a.csv")
    world.clock.advance(HOUR)

    (claim,) = await world.deliver(world.landing.rename("landing/tmp/a.csv", PATH))
    await passes(world, 10)

    assert claim.entry.state is State.SUBMITTED
    assert len(world.databricks.runs) == 1


async def test_lost_rename_of_a_young_file_is_found(world: World) -> None:
    """The sweep goes by the file's own time: it sees a renamed file that was written within its window."""
    world.landing.upload("landing/tmp/a.csv")
    world.clock.advance(HOUR)
    world.landing.rename("landing/tmp/a.csv", PATH)

    await passes(world, 2)

    assert len(world.databricks.runs) == 1


async def test_lost_rename_of_a_file_older_than_the_rule_is_not_found() -> None:
    """Its time is that of before the rename, so that nothing tells it from the files that lay there before the rule."""
    world = World(RULE)
    world.landing.upload("landing/tmp/a.csv")
    world.clock.advance(HOUR)
    await world.reconciler.run()
    world.landing.rename("landing/tmp/a.csv", PATH)

    await passes(world, 10)

    assert await world.all_entries() == []


class Asked:
    """What was asked of backfills; `down` makes the asking fail."""

    def __init__(self) -> None:
        self.for_subtrees: list[tuple[str, str, datetime, str]] = []
        self.down = False

    async def ask_for_subtree(self, container: str, prefix: str, arrived_at: datetime, event_id: str) -> None:
        """Remember what is asked for."""
        if self.down:
            raise LedgerUnavailable("down")
        self.for_subtrees.append((container, prefix, arrived_at, event_id))


@pytest.fixture
def asked(world: World) -> Asked:
    """Return what is asked of backfills from now on."""
    asked = Asked()
    world.intake._subtrees = asked
    return asked


@pytest.mark.parametrize("directory", ["landing/crm", "landing/crm/2026", "landing/crm/2026/11"])
async def test_renamed_directory_asks_for_its_subtree(world: World, asked: Asked, directory: str) -> None:
    """One event stands for all files below: they are to be claimed by their prefix, as arrived now."""
    claims = await world.intake.receive(directory_renamed_body(directory, START), world.deadline())

    prefix = directory.partition("/")[2]
    assert claims == []
    assert asked.for_subtrees == [("landing", f"{prefix}/", START, "renamed")]


async def test_directory_above_those_of_a_rule_asks_for_its_subtree() -> None:
    """Renamed far above, a directory may hold what a rule looks for far below."""
    world, asked = World(RULE.replace("crm/", "crm/eu/daily/")), Asked()
    world.intake._subtrees = asked

    await world.intake.receive(directory_renamed_body("landing/crm", START), world.deadline())

    assert [prefix for _, prefix, _, _ in asked.for_subtrees] == ["crm/"]


@pytest.mark.parametrize("directory", ["landing/erp", "landing/crm2", "landing/cr", "other/crm"])
async def test_directory_that_no_rule_looks_below_is_one_log_line(
    world: World, asked: Asked, directory: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Spark renames directories all day long; what no rule can match costs nothing but a line."""
    caplog.set_level("INFO")
    await world.intake.receive(directory_renamed_body(directory, START), world.deadline())

    assert asked.for_subtrees == []
    assert 'event.ignored reason="no rule looks below this directory"' in caplog.text


async def test_subtree_that_cannot_be_written_down_asks_for_redelivery(world: World, asked: Asked) -> None:
    """Nothing else will ever tell of those files: without a record the event must come again (rule R7)."""
    asked.down = True

    with pytest.raises(LedgerUnavailable):
        await world.intake.receive(directory_renamed_body("landing/crm", START), world.deadline())


async def test_files_of_a_renamed_directory_run_once() -> None:
    """However old they are, and however often the event comes: all files below the new name start their jobs, once."""
    world = World(RULE.replace("{name}.csv", "**/{name}.csv"))
    for number in range(3):
        world.landing.upload(f"landing/tmp/day/{number}.csv")
    world.clock.advance(HOUR)
    await world.reconciler.run()
    world.clock.advance(HOUR)
    world.landing.rename_directory("landing/tmp/day", "landing/crm/day")
    body = directory_renamed_body("landing/crm/day", world.clock.now())

    for _ in range(2):
        await world.intake.receive(body, world.deadline())
        await passes(world, 10)

    entries = await world.all_entries()
    assert [entry.arrival.path for entry in entries] == [f"crm/day/{number}.csv" for number in range(3)]
    assert len(world.databricks.runs) == 3


async def test_file_moved_out_of_place_before_its_run_starts_nothing(world: World) -> None:
    """While its rule waits for a missing job, the file is moved away: the entry says so."""
    await _waits_for_its_job(world)
    world.landing.rename(PATH, "landing/elsewhere/a.csv")

    await passes(world, 10)

    assert Result.VANISHED in await results(world)
    assert len(world.databricks.runs) == 1  # of the file that tripped the breaker


async def test_file_moved_back_runs_after_all(world: World) -> None:
    """The same version under the same name has the same entry; it had not run, so it runs now."""
    await _waits_for_its_job(world)
    world.landing.rename(PATH, "landing/elsewhere/a.csv")
    await passes(world, 10)
    assert Result.VANISHED in await results(world)

    (claim,) = await world.deliver(world.landing.rename("landing/elsewhere/a.csv", PATH))

    assert (claim.outcome, claim.entry.state) == (Claimed.DUPLICATE, State.SUBMITTED)


async def test_repeated_event_of_a_vanished_file_opens_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Only another event, or a listing, says that the file is back."""
    dropped = await _waits_for_its_job(world)
    world.landing.delete(PATH)
    await passes(world, 10)

    (claim,) = await world.deliver(dropped)

    assert (claim.outcome, claim.entry.result) == (Claimed.DUPLICATE, Result.VANISHED)
    assert "entry.reopened" not in caplog.text


async def test_reopened_entry_is_looked_at_once_more() -> None:
    """Another event does not prove that the file is there: soon after it vanished, it is gone still."""
    world = World(RULE.replace("job:", "min_age: 1m\n    job:"))
    dropped = world.landing.upload(PATH)
    await world.deliver(dropped)
    world.landing.delete(PATH)
    await passes(world, 2)

    (claim,) = await world.deliver(replace(dropped, event_id="another"))

    assert claim.entry.result is Result.VANISHED
    assert world.databricks.sent == []


async def test_swept_file_that_was_undeleted_runs() -> None:
    """Neither its first arrival nor its return had an event: the sweep has found both."""
    world = World(RULE.replace("job:", "min_age: 10m\n    job:"))
    await world.reconciler.run()
    world.landing.upload(PATH)
    await passes(world, 7)
    blob = world.landing.delete(PATH)
    await passes(world, 10)
    before = await results(world)
    world.landing.restore(blob)

    await passes(world, 2)

    assert before == [Result.VANISHED]
    assert (await world.only_entry()).state is State.SUBMITTED


async def test_undeleted_file_runs_if_it_had_not(world: World) -> None:
    """No event tells of an undelete; the sweep sees the version that had vanished."""
    await _waits_for_its_job(world)
    blob = world.landing.delete(PATH)
    await passes(world, 10)
    world.landing.restore(blob)

    await passes(world, 2)

    assert await results(world) == [None, None]
    assert len(world.databricks.runs) == 2


async def test_content_that_never_ran_is_no_touch() -> None:
    """Dropped again with the same content after it had vanished before its run, and no event came: it runs."""
    world = World(RULE.replace("job:", "min_age: 10m\n    job:"))
    await world.reconciler.run()
    world.landing.upload(PATH)
    await passes(world, 7)  # the sweep has claimed it, with its MD5, and it waits until its age
    world.landing.delete(PATH)
    await passes(world, 10)
    before = await results(world)

    world.landing.upload(PATH)
    await passes(world, 20)

    assert before == [Result.VANISHED]
    assert await results(world) == [Result.VANISHED, None]


async def test_identical_upload_runs_by_its_event_and_not_by_the_sweep(world: World) -> None:
    """An event says that somebody wrote; a listing cannot tell the same content written again from new metadata."""
    await world.drop(PATH)
    world.clock.advance(MINUTE)
    await world.drop(PATH)
    world.clock.advance(MINUTE)
    world.landing.upload(PATH)
    await passes(world, 10)

    assert await results(world) == [None, None, Result.TOUCHED]
    assert len(world.databricks.runs) == 2


async def test_late_event_of_what_was_taken_for_a_touch_runs(world: World) -> None:
    """The same content written again runs by its event also where the sweep came first; its repetition does not."""
    await world.drop(PATH)
    world.clock.advance(MINUTE)
    written = world.landing.upload(PATH)
    await passes(world, 10)
    assert await results(world) == [None, Result.TOUCHED]

    await world.deliver(written)
    await world.deliver(written)

    assert await results(world) == [None, None]
    assert len(world.databricks.runs) == 2


async def test_late_rename_event_of_a_touched_file_does_not_run_again(world: World) -> None:
    """The event of a rename tells no version: what it finds may be a touch of what has run."""
    world.landing.upload("landing/crm/before.tmp")
    renamed = world.landing.rename("landing/crm/before.tmp", PATH)
    await passes(world, 10)
    world.landing.touch(PATH)
    await passes(world, 10)

    await world.deliver(renamed)

    assert await results(world) == [None, Result.TOUCHED]
    assert len(world.databricks.runs) == 1


async def test_touch_of_a_file_older_than_the_rule_runs() -> None:
    """New metadata gives a file that no entry knows a new time: nobody can tell it from a new one."""
    world = World(RULE)
    world.landing.upload(PATH)
    world.clock.advance(HOUR)
    await world.reconciler.run()
    world.clock.advance(HOUR)
    world.landing.touch(PATH)

    await passes(world, 10)

    assert len(world.databricks.runs) == 1


async def test_touch_of_a_pruned_file_runs(world: World) -> None:
    """What the ledger has forgotten is unknown: new metadata makes such a file look new."""
    await world.drop(PATH)
    world.databricks.end(101, Verdict.SUCCEEDED)
    await passes(world, 200, every=24 * HOUR)
    await world.pruner.prune(await world.bookkeeping.standings(), world.deadline(60))
    before = await world.all_entries()
    world.landing.touch(PATH)

    await passes(world, 10)

    assert before == []
    assert len(world.databricks.runs) == 2


async def test_overwrite_during_a_run_gets_its_own_run(world: World) -> None:
    """A run that is under way may have read either content, so the new version has a run for itself."""
    first = await world.drop(PATH, b"one")
    world.clock.advance(MINUTE)
    second = await world.drop(PATH, b"two")

    assert first.entry.run_id != second.entry.run_id
    assert len(world.databricks.runs) == 2


async def test_copy_that_is_going_on_waits(world: World) -> None:
    """An event of a copy may come when it begins: nothing starts before the content is there, and then once."""
    (claim,) = await world.deliver(world.landing.start_copy(PATH))
    await passes(world, 20)
    waiting = await world.only_entry()
    await world.deliver(world.landing.finish_copy(PATH))
    await passes(world, 20)

    assert (claim.entry.state, claim.entry.reason) == (State.PENDING, COPYING)
    assert (waiting.state, waiting.reason) == (State.PENDING, COPYING)
    assert await results(world) == [Result.SUPERSEDED, None]
    assert len(world.databricks.runs) == 1


async def test_finished_copy_is_found_without_an_event(world: World) -> None:
    """Where only the beginning of a copy is announced, the sweep finds its end."""
    await world.deliver(world.landing.start_copy(PATH))
    await passes(world, 20)
    world.landing.finish_copy(PATH)

    await passes(world, 20)

    assert await results(world) == [Result.SUPERSEDED, None]
    assert len(world.databricks.runs) == 1


async def test_finished_copy_starts_at_once(world: World) -> None:
    """A copy that was complete when its event came costs one look and no wait."""
    claim = (await world.deliver(world.landing.upload(PATH, api="CopyBlob")))[0]

    assert claim.entry.state is State.SUBMITTED


async def test_sweep_leaves_an_unfinished_copy_alone(world: World) -> None:
    """A copy that no event announced is claimed when it is finished, not before."""
    world.landing.start_copy(PATH)
    await passes(world, 90)
    during = await world.all_entries()
    world.landing.finish_copy(PATH)
    await passes(world, 10)

    assert during == []
    assert (await world.only_entry()).state is State.SUBMITTED


async def test_sweep_leaves_a_leased_file_alone_for_an_hour(world: World) -> None:
    """Who holds a lease may be about to write more; a lease that is never given back costs an hour."""
    world.landing.upload(PATH)
    world.landing.lease(PATH)
    await passes(world, 55)
    during = await world.all_entries()
    await passes(world, 10)

    assert during == []
    assert (await world.only_entry()).state is State.SUBMITTED


@pytest.mark.parametrize("minutes", [0, 10])
async def test_event_of_a_leased_file_starts_at_once(world: World, minutes: int) -> None:
    """What an event announces is committed, whoever holds a lease, and whether it comes late or not."""
    arrival = world.landing.upload(PATH)
    world.landing.lease(PATH)
    world.clock.advance(minutes * MINUTE)

    (claim,) = await world.deliver(arrival)

    assert claim.entry.state is State.SUBMITTED


async def test_append_blob_runs_when_it_has_been_quiet(world: World) -> None:
    """Each append is a new version and an event tells of none: what has not grown for the grace period runs."""
    for _ in range(10):
        world.landing.append("landing/crm/log.csv", b"line\n")
        await passes(world, 2)
    during = await world.all_entries()
    await passes(world, 10)

    assert during == []
    assert (await world.only_entry()).arrival.size == 50


async def test_pause_between_appends_makes_two_runs(world: World) -> None:
    """A pause longer than the grace period looks like the end: what comes after it is another version."""
    world.landing.append("landing/crm/log.csv", b"line\n")
    await passes(world, 10)
    world.landing.append("landing/crm/log.csv", b"line\n")
    await passes(world, 10)

    assert len(world.databricks.runs) == 2


async def _waits_for_its_job(world: World) -> Arrival:
    """Drop a file whose rule waits for its job, and return its event; the file that told of it runs later."""
    world.databricks.fail_next(JobMissing("no such job"), times=3)
    await world.drop("landing/crm/first.csv")
    world.clock.advance(1)
    arrival = world.landing.upload(PATH)
    (claim,) = await world.deliver(arrival)
    assert (claim.entry.state, claim.entry.request) == (State.PENDING, None)
    world.clock.advance(timedelta(minutes=6).total_seconds())
    return arrival
