"""The use cases put together, over any storage and any Databricks: Azure's own, or those of a test or a simulation."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

from shared.breakers import Breakers
from shared.clock import Clock
from shared.dispatch import Dispatcher, Jobs
from shared.holds import Holds
from shared.intake import Intake
from shared.job_directory import JobDirectory, JobFinder
from shared.landing import Landing
from shared.ledger import Bookkeeping, Entries
from shared.parameters import Locations
from shared.reconcile import Reconciler
from shared.redrive import Redriver
from shared.rule_book import RuleBook
from shared.settings import Settings
from shared.settle import Runs, Settler
from shared.status import StatusReader
from shared.sweep import Sweeper


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
    landing: Landing
    databricks: Databricks
    locations: Locations
    randomness: random.Random


@dataclass(frozen=True, kw_only=True)
class UseCases:
    """What the doors open."""

    intake: Intake
    redriver: Redriver
    reconciler: Reconciler
    status: StatusReader


def compose(made_of: Collaborators) -> UseCases:
    """Return the use cases."""
    breakers = Breakers(made_of.bookkeeping, made_of.clock)
    dispatcher = _dispatcher(made_of, breakers)
    intake = Intake(
        rule_book=made_of.rule_book,
        entries=made_of.entries,
        dispatcher=dispatcher,
        landing=made_of.landing,
        clock=made_of.clock,
        locations=made_of.locations,
    )
    redriver = _redriver(made_of, dispatcher)
    reconciler = Reconciler(
        rule_book=made_of.rule_book,
        redriver=redriver,
        sweeper=_sweeper(made_of, intake),
        bookkeeping=made_of.bookkeeping,
        breakers=breakers,
        clock=made_of.clock,
        settings=made_of.settings,
    )
    status = StatusReader(
        rule_book=made_of.rule_book, entries=made_of.entries, bookkeeping=made_of.bookkeeping, clock=made_of.clock
    )
    return UseCases(intake=intake, redriver=redriver, reconciler=reconciler, status=status)


def _dispatcher(made_of: Collaborators, breakers: Breakers) -> Dispatcher:
    return Dispatcher(
        entries=made_of.entries,
        jobs=made_of.databricks,
        directory=JobDirectory(made_of.databricks, made_of.clock),
        breakers=breakers,
        landing=made_of.landing,
        holds=Holds(landing=made_of.landing, rule_book=made_of.rule_book),
        clock=made_of.clock,
        settings=made_of.settings,
        randomness=made_of.randomness,
    )


def _redriver(made_of: Collaborators, dispatcher: Dispatcher) -> Redriver:
    settler = Settler(entries=made_of.entries, runs=made_of.databricks, clock=made_of.clock, settings=made_of.settings)
    return Redriver(
        entries=made_of.entries,
        dispatcher=dispatcher,
        settler=settler,
        clock=made_of.clock,
        randomness=made_of.randomness,
    )


def _sweeper(made_of: Collaborators, intake: Intake) -> Sweeper:
    return Sweeper(
        intake=intake,
        entries=made_of.entries,
        bookkeeping=made_of.bookkeeping,
        landing=made_of.landing,
        clock=made_of.clock,
        settings=made_of.settings,
    )
