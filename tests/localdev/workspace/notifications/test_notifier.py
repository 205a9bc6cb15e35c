"""Writing down what is to be told, and delivering it whatever happens."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest

from localdev.workspace.flow import lifecycle, outcomes
from localdev.workspace.model.run import Phase, Run
from localdev.workspace.notifications import notifier as notifiers
from localdev.workspace.notifications.notifier import FIRST_PAUSE, LONGEST_PAUSE, MOST_TRIES, Notifier
from localdev.workspace.notifications.outbox import Delivery
from localdev.workspace.notifications.undelivered import NeverAgain, TryLater
from localdev.workspace.storage.store import Store
from tests.fakes.waiting import give_way, until
from tests.localdev.workspace.kit import StandingClock
from tests.localdev.workspace.notifications.kit import SOMEBODY, saved_run

OTHER = "0481e838-0a59-4eff-9541-a4ca6f149574"
FAILURES = {"email_notifications": {"on_failure": [SOMEBODY]}}
STARTS = {"email_notifications": {"on_start": [SOMEBODY]}}
SLOW = {
    "email_notifications": {"on_duration_warning_threshold_exceeded": [SOMEBODY]},
    "health": {"rules": [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": 60}]},
}


class ScriptedPostOffice:
    """Takes deliveries, unless the script has an error or an event to wait for at that receiver."""

    def __init__(self) -> None:
        self.delivered: list[Delivery] = []
        self.tried: list[Delivery] = []
        self.errors: dict[str, list[Exception]] = {}  # by address; the last one repeats
        self.blocked: dict[str, asyncio.Event] = {}
        self.is_closed = False

    async def deliver(self, delivery: Delivery) -> None:
        """Follow the script."""
        address = delivery.receiver.address
        self.tried.append(delivery)
        if address in self.blocked:
            await self.blocked[address].wait()
        if script := self.errors.get(address):
            raise script[0] if len(script) == 1 else script.pop(0)
        self.delivered.append(delivery)

    async def close(self) -> None:
        """Note it."""
        self.is_closed = True


@pytest.fixture
def office() -> ScriptedPostOffice:
    """Return a post office that takes everything."""
    return ScriptedPostOffice()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an empty store."""
    store = Store(tmp_path)
    yield store
    store.close()


@asynccontextmanager
async def working(store: Store, office: ScriptedPostOffice, clock: StandingClock) -> AsyncIterator[Notifier]:
    """Run a notifier."""
    notifier = Notifier(store, office, clock)
    await notifier.start()
    try:
        yield notifier
    finally:
        await notifier.stop()


def failed(store: Store, run: Run, clock: StandingClock) -> Run:
    """Save the end of a run whose task failed; return it."""
    attempt = run.attempts[0].id
    over = lifecycle.ended(lifecycle.started(run, attempt, clock.now()), attempt, outcomes.FAILED, clock.now())
    over = lifecycle.advanced(over, clock.now(), store.new_id)
    with store.transaction():
        store.save_run(over, run)
    return over


async def test_change_is_told(store: Store, office: ScriptedPostOffice, clock: StandingClock) -> None:
    """And forgotten once it has been told."""
    async with working(store, office, clock):
        run = failed(store, saved_run(store, **FAILURES), clock)
        await until(lambda: bool(office.delivered) and not store.outbox.waiting())

    [delivery] = office.delivered
    assert (delivery.receiver.address, delivery.notice.run_id) == (SOMEBODY, run.id)
    assert office.is_closed


async def test_change_that_is_undone_is_not_told(
    store: Store, office: ScriptedPostOffice, clock: StandingClock
) -> None:
    """The notification belongs into the transaction of its cause: both or none."""
    async with working(store, office, clock):
        run = saved_run(store, **FAILURES)
        over = run.evolve(phase=Phase.ENDED, outcome=outcomes.FAILED, ended_at=clock.now())

        def fail_in_a_transaction() -> None:
            with store.transaction():
                store.save_run(over, run)
                assert len(store.outbox.waiting()) == 1
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_in_a_transaction()
        await give_way()

        assert store.outbox.waiting() == []
        assert office.tried == []


async def test_what_was_written_is_told_by_the_next_server(tmp_path: Path, clock: StandingClock) -> None:
    """A server that died in between has still told; the id is the same."""
    store = Store(tmp_path)
    notifier = Notifier(store, ScriptedPostOffice(), clock)  # never started: it only listens
    failed(store, saved_run(store, **FAILURES), clock)
    [written] = store.outbox.waiting()
    store.close()
    del notifier

    store, office = Store(tmp_path), ScriptedPostOffice()
    async with working(store, office, clock):
        await until(lambda: bool(office.delivered) and not store.outbox.waiting())
    store.close()

    assert [delivery.id for delivery in office.delivered] == [written.id]


async def test_delivery_under_way_is_repeated_by_the_next_server(tmp_path: Path, clock: StandingClock) -> None:
    """Nobody knows how far it came: at least once, with the same id."""
    store, office = Store(tmp_path), ScriptedPostOffice()
    office.blocked[SOMEBODY] = asyncio.Event()
    async with working(store, office, clock):
        failed(store, saved_run(store, **FAILURES), clock)
        await until(lambda: bool(office.tried))
    store.close()

    store, later = Store(tmp_path), ScriptedPostOffice()
    async with working(store, later, clock):
        await until(lambda: bool(later.delivered))
    store.close()

    assert [each.id for each in later.delivered] == [each.id for each in office.tried]


async def test_failed_delivery_is_tried_again_later(
    store: Store, office: ScriptedPostOffice, clock: StandingClock
) -> None:
    """After a pause that doubles, and with the same id."""
    office.errors[SOMEBODY] = [TryLater("x"), TryLater("x"), TryLater("x")]
    async with working(store, office, clock):
        failed(store, saved_run(store, **FAILURES), clock)
        for pause in (10, 20):
            await until(lambda: store.outbox.next_due(clock.now()) is not None)
            before = len(office.tried)
            clock.advance(seconds=pause - 0.001)
            await give_way()
            assert len(office.tried) == before
            clock.advance(seconds=0.001)
            await until(lambda: store.outbox.waiting()[0].tries == before + 1)  # noqa: B023 - awaited in this turn
        assert len(office.tried) == 3
        office.errors.clear()
        await until(lambda: store.outbox.next_due(clock.now()) is not None)
        clock.advance(seconds=40)
        await until(lambda: bool(office.delivered))

    assert len({delivery.id for delivery in office.tried}) == 1


async def test_receiver_that_never_takes_it_is_given_up(
    store: Store, office: ScriptedPostOffice, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    """After ten tries, with a line in the log that names no address; what is dead can be looked at."""
    office.errors[SOMEBODY] = [TryLater("The receiver answered 503")]
    async with working(store, office, clock):
        failed(store, saved_run(store, **FAILURES), clock)
        for _ in range(1, MOST_TRIES):
            await until(lambda: store.outbox.next_due(clock.now()) is not None)
            clock.advance(seconds=LONGEST_PAUSE.total_seconds())
            await until(lambda: not store.outbox.waiting() or store.outbox.waiting()[0].tries == len(office.tried))
        await until(lambda: bool(store.outbox.dead()))
        clock.advance(hours=1)
        await give_way()

    assert len(office.tried) == MOST_TRIES
    [(delivery, why)] = store.outbox.dead()
    assert (delivery.tries, why) == (MOST_TRIES, "The receiver answered 503")
    assert f"workspace.notification_dead delivery={delivery.id}" in caplog.text
    assert SOMEBODY not in caplog.text
    assert min(LONGEST_PAUSE, FIRST_PAUSE * 2**8) == timedelta(minutes=10)


async def test_final_refusal_is_final(store: Store, office: ScriptedPostOffice, clock: StandingClock) -> None:
    """A receiver that says never is asked once."""
    office.errors[SOMEBODY] = [NeverAgain("The receiver answered 404")]
    async with working(store, office, clock):
        failed(store, saved_run(store, **FAILURES), clock)
        await until(lambda: bool(store.outbox.dead()))

    assert len(office.tried) == 1


async def test_defect_of_ours_is_tried_again(
    store: Store, office: ScriptedPostOffice, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody thought of neither loses the notification nor ends the loop."""
    office.errors[SOMEBODY] = [ZeroDivisionError("canary")]
    async with working(store, office, clock):
        failed(store, saved_run(store, **FAILURES), clock)
        await until(lambda: store.outbox.next_due(clock.now()) is not None)
        office.errors.clear()
        clock.advance(seconds=10)
        await until(lambda: bool(office.delivered))

    assert "workspace.notification_failed" in caplog.text


async def test_slow_receiver_keeps_only_itself_waiting(
    store: Store, office: ScriptedPostOffice, clock: StandingClock
) -> None:
    """The others get theirs meanwhile; it gets one at a time, in order."""
    office.blocked[SOMEBODY] = asyncio.Event()
    both = {**FAILURES, "webhook_notifications": {"on_failure": [{"id": OTHER}]}}
    async with working(store, office, clock):
        runs = [failed(store, saved_run(store, **both), clock) for _ in range(3)]
        await until(lambda: len(office.delivered) == 3)
        assert {delivery.receiver.address for delivery in office.delivered} == {OTHER}
        assert [each.notice.run_id for each in office.tried if each.receiver.address == SOMEBODY] == [runs[0].id]
        office.blocked.pop(SOMEBODY).set()
        await until(lambda: len(office.delivered) == 6)

    mails = [each.notice.run_id for each in office.delivered if each.receiver.address == SOMEBODY]
    assert mails == [run.id for run in runs]


async def test_slow_destination_keeps_no_other_waiting(
    store: Store, office: ScriptedPostOffice, clock: StandingClock
) -> None:
    """Each destination is a receiver of its own."""
    office.blocked["slow"] = asyncio.Event()
    two = {"webhook_notifications": {"on_failure": [{"id": "slow"}, {"id": OTHER}]}}
    async with working(store, office, clock):
        for _ in range(2):
            failed(store, saved_run(store, **two), clock)
        await until(lambda: len(office.delivered) == 2)

    assert [delivery.receiver.address for delivery in office.delivered] == [OTHER, OTHER]


async def test_postponed_delivery_lets_others_pass(
    store: Store, office: ScriptedPostOffice, clock: StandingClock
) -> None:
    """One refused address does not keep the mail server's other mails back."""
    office.errors[SOMEBODY] = [TryLater("x")]
    two = {"email_notifications": {"on_failure": [SOMEBODY, "other@company.com"]}}
    async with working(store, office, clock):
        failed(store, saved_run(store, **two), clock)
        await until(lambda: bool(office.delivered))

    assert office.delivered[0].receiver.address == "other@company.com"


async def test_long_run_is_warned_of_once(store: Store, office: ScriptedPostOffice, clock: StandingClock) -> None:
    """When its time is exceeded, by the workspace's clock, and not again at its end."""
    async with working(store, office, clock):
        run = saved_run(store, **SLOW)
        await until(lambda: clock.sleepers > 0)
        clock.advance(seconds=60)
        await give_way()
        assert office.tried == []
        clock.advance(seconds=0.001)
        await until(lambda: bool(office.delivered))
        clock.advance(hours=1)
        failed(store, run, clock)
        await give_way()

    assert len(office.delivered) == 1
    assert office.delivered[0].notice.headline == f"ETL: run {run.id} takes longer than expected"


async def test_warning_is_not_repeated_by_the_next_server(tmp_path: Path, clock: StandingClock) -> None:
    """And one that fell due meanwhile is given, while the run still runs."""
    store, office = Store(tmp_path), ScriptedPostOffice()
    async with working(store, office, clock):
        run = saved_run(store, **SLOW)
    store.close()
    for _ in range(2):
        clock.advance(hours=1)
        store = Store(tmp_path)
        async with working(store, office, clock):
            await give_way()
        store.close()

    assert [delivery.notice.run_id for delivery in office.delivered] == [run.id]


async def test_run_that_ends_late_is_warned_of_at_its_end(
    store: Store, office: ScriptedPostOffice, clock: StandingClock
) -> None:
    """Should nobody have looked in time: it did take too long."""
    Notifier(store, office, clock)  # never started: it only listens
    run = saved_run(store, **SLOW)
    clock.advance(seconds=61)
    failed(store, run, clock)

    assert [delivery.notice.event for delivery in store.outbox.waiting()] == ["on_duration_warning_threshold_exceeded"]


async def test_full_disk_delays_and_loses_nothing(
    store: Store, office: ScriptedPostOffice, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop goes on after a second."""
    due = store.outbox.due
    monkeypatch.setattr(store.outbox, "due", Mock(side_effect=sqlite3.OperationalError("database or disk is full")))
    async with working(store, office, clock):
        failed(store, saved_run(store, **FAILURES), clock)
        await until(lambda: clock.sleepers > 0)
        monkeypatch.setattr(store.outbox, "due", due)
        clock.advance(seconds=notifiers.PAUSE_AFTER_FAULT.total_seconds())
        await until(lambda: bool(office.delivered))


async def test_starts_are_told_of_each_run(store: Store, office: ScriptedPostOffice, clock: StandingClock) -> None:
    """Each delivery has an id of its own."""
    async with working(store, office, clock):
        runs = [saved_run(store, **STARTS) for _ in range(3)]
        await until(lambda: len(office.delivered) == 3)

    assert [delivery.notice.run_id for delivery in office.delivered] == [run.id for run in runs]
    assert len({delivery.id for delivery in office.delivered}) == 3


def test_dead_deliveries_are_bounded(store: Store, clock: StandingClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest make room."""
    monkeypatch.setattr("localdev.workspace.notifications.outbox.MOST_DEAD", 2)
    Notifier(store, ScriptedPostOffice(), clock)  # never started: it only listens
    runs = [saved_run(store, **STARTS) for _ in range(3)]
    for delivery in store.outbox.waiting():
        store.outbox.give_up(delivery.id, "x")

    assert [delivery.notice.run_id for delivery, _ in store.outbox.dead()] == [run.id for run in runs[1:]]
