"""The use cases put together, over any storage and any Databricks: Azure's own, or those of a test or a simulation."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.announcements import Announcements
from shared.backfill import Backfiller, BackfillOrders, BackfillTools
from shared.breakers import Breakers
from shared.clock import Clock
from shared.dead_letter_store import DeadLetterStore
from shared.dead_letters import DeadLetters
from shared.dispatch import Dispatcher, Jobs
from shared.former_rules import FormerRules
from shared.gather import Gatherer, SealerTools
from shared.holds import Holds
from shared.intake import Intake
from shared.job_directory import JobDirectory, JobFinder
from shared.landing import Landing
from shared.ledger import Backfills, Bookkeeping, Budgets, Entries, OldRows, Rounds
from shared.limits import Limiter
from shared.parameters import Locations
from shared.prune import Pruner
from shared.reconcile import Reconciler, Steps
from shared.redrive import Redriver
from shared.replay import Replayer
from shared.rule_book import RuleBook
from shared.settings import Settings
from shared.settle import RunHints, Runs, Settler
from shared.shard_queue import ShardQueue
from shared.status import StatusReader
from shared.sweep import Claimant, Opener, ShardTools, Sharer, Sweeper
from shared.upkeep import Upkeep


class Databricks(Jobs, Runs, JobFinder, Protocol):
    """All that the use cases ask of Databricks."""


@dataclass(frozen=True, kw_only=True)
class Collaborators:
    """What the use cases are made of."""

    settings: Settings
    rule_book: RuleBook
    clock: Clock
    entries: Entries
    bookkeeping: Bookkeeping
    budgets: Budgets
    old_rows: OldRows
    rounds: Rounds
    backfills: Backfills
    queue: ShardQueue
    dead_letters: DeadLetterStore | None  # None where Event Grid keeps none
    landing: Landing
    databricks: Databricks
    locations: Locations
    randomness: random.Random
    new_id: Callable[[], str]


@dataclass(frozen=True, kw_only=True)
class UseCases:
    """What the doors open."""

    intake: Intake
    redriver: Redriver
    gatherer: Gatherer
    sweeper: Sweeper
    reconciler: Reconciler
    status: StatusReader
    backfill_orders: BackfillOrders
    backfiller: Backfiller
    run_hints: RunHints
    replayer: Replayer
    pruner: Pruner


def compose(made_of: Collaborators) -> UseCases:
    """Return the use cases."""
    breakers = Breakers(made_of.bookkeeping, made_of.clock)
    limiter = Limiter(
        budgets=made_of.budgets, rule_book=made_of.rule_book, clock=made_of.clock, settings=made_of.settings
    )
    dispatcher = _dispatcher(made_of, breakers, limiter)
    orders = _backfill_orders(made_of)
    intake = Intake(
        rule_book=made_of.rule_book,
        former_rules=FormerRules(made_of.bookkeeping, made_of.clock),
        announcements=Announcements(made_of.bookkeeping),
        entries=made_of.entries,
        dispatcher=dispatcher,
        landing=made_of.landing,
        clock=made_of.clock,
        locations=made_of.locations,
        grace=made_of.settings.reconcile_grace,
        subtrees=orders,
    )
    settler = _settler(made_of)
    redriver = _redriver(made_of, dispatcher, settler, limiter)
    gatherer = _gatherer(made_of, dispatcher)
    sweeper = _sweeper(made_of, intake)
    backfiller = _backfiller(made_of, orders, intake)
    pruner = Pruner(
        old_rows=made_of.old_rows,
        entries=made_of.entries,
        rounds=made_of.rounds,
        landing=made_of.landing,
        clock=made_of.clock,
        settings=made_of.settings,
    )
    status = StatusReader(
        rule_book=made_of.rule_book, entries=made_of.entries, bookkeeping=made_of.bookkeeping, clock=made_of.clock
    )
    reconciler = Reconciler(
        rule_book=made_of.rule_book,
        steps=Steps(
            redriver=redriver,
            gatherer=gatherer,
            dead_letters=_dead_letters(made_of, intake),
            sweeper=sweeper,
            backfiller=backfiller,
            upkeep=Upkeep(pruner=pruner, status=status, bookkeeping=made_of.bookkeeping, clock=made_of.clock),
        ),
        bookkeeping=made_of.bookkeeping,
        breakers=breakers,
        limiter=limiter,
        clock=made_of.clock,
        settings=made_of.settings,
        randomness=made_of.randomness,
    )
    return UseCases(
        intake=intake,
        redriver=redriver,
        gatherer=gatherer,
        sweeper=sweeper,
        reconciler=reconciler,
        status=status,
        run_hints=_run_hints(made_of, settler),
        backfill_orders=orders,
        backfiller=backfiller,
        replayer=_replayer(made_of),
        pruner=pruner,
    )


def _dispatcher(made_of: Collaborators, breakers: Breakers, limiter: Limiter) -> Dispatcher:
    return Dispatcher(
        entries=made_of.entries,
        jobs=made_of.databricks,
        directory=JobDirectory(made_of.databricks, made_of.clock),
        breakers=breakers,
        landing=made_of.landing,
        holds=Holds(landing=made_of.landing, rule_book=made_of.rule_book),
        limiter=limiter,
        clock=made_of.clock,
        settings=made_of.settings,
        randomness=made_of.randomness,
    )


def _settler(made_of: Collaborators) -> Settler:
    return Settler(
        entries=made_of.entries,
        runs=made_of.databricks,
        rule_book=made_of.rule_book,
        clock=made_of.clock,
        settings=made_of.settings,
    )


def _replayer(made_of: Collaborators) -> Replayer:
    return Replayer(
        rule_book=made_of.rule_book,
        entries=made_of.entries,
        bookkeeping=made_of.bookkeeping,
        locations=made_of.locations,
        clock=made_of.clock,
    )


def _run_hints(made_of: Collaborators, settler: Settler) -> RunHints:
    return RunHints(
        entries=made_of.entries,
        settler=settler,
        rule_book=made_of.rule_book,
        clock=made_of.clock,
        secret=made_of.settings.webhook_secret,
    )


def _redriver(made_of: Collaborators, dispatcher: Dispatcher, settler: Settler, limiter: Limiter) -> Redriver:
    return Redriver(
        entries=made_of.entries,
        dispatcher=dispatcher,
        settler=settler,
        limiter=limiter,
        clock=made_of.clock,
        randomness=made_of.randomness,
    )


def _gatherer(made_of: Collaborators, dispatcher: Dispatcher) -> Gatherer:
    tools = SealerTools(
        entries=made_of.entries,
        dispatcher=dispatcher,
        landing=made_of.landing,
        holds=Holds(landing=made_of.landing, rule_book=made_of.rule_book),
        locations=made_of.locations,
        clock=made_of.clock,
    )
    return Gatherer(tools=tools, rule_book=made_of.rule_book)


def _sweeper(made_of: Collaborators, intake: Intake) -> Sweeper:
    rounds, landing, settings = made_of.rounds, made_of.landing, made_of.settings
    return Sweeper(
        tools=ShardTools(
            rounds=rounds,
            landing=landing,
            claimant=Claimant(intake, landing, made_of.clock),
            clock=made_of.clock,
            settings=settings,
        ),
        opener=Opener(rounds=rounds, landing=landing, settings=settings, new_id=made_of.new_id),
        entries=made_of.entries,
        bookkeeping=made_of.bookkeeping,
        rule_book=made_of.rule_book,
        sharer=Sharer(rounds, made_of.queue, made_of.clock),
    )


def _backfill_orders(made_of: Collaborators) -> BackfillOrders:
    return BackfillOrders(
        rule_book=made_of.rule_book,
        backfills=made_of.backfills,
        landing=made_of.landing,
        clock=made_of.clock,
        new_id=made_of.new_id,
    )


def _backfiller(made_of: Collaborators, orders: BackfillOrders, intake: Intake) -> Backfiller:
    tools = BackfillTools(
        backfills=made_of.backfills,
        rule_book=made_of.rule_book,
        intake=intake,
        entries=made_of.entries,
        landing=made_of.landing,
        clock=made_of.clock,
        settings=made_of.settings,
    )
    return Backfiller(orders, tools, f"worker {made_of.new_id()[:8]}")


def _dead_letters(made_of: Collaborators, intake: Intake) -> DeadLetters | None:
    if made_of.dead_letters is None:
        return None
    return DeadLetters(
        store=made_of.dead_letters, receive=intake.receive, clock=made_of.clock, randomness=made_of.randomness
    )
