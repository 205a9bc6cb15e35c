"""The composition root: environment -> a service with all its collaborators. Only doors and the CLI import it.

Nothing heavy is imported before the first use: each scale-out of Azure Functions pays for what function_app imports.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from shared.clock import Clock, Deadline, SystemClock

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

    from shared.backfill import Backfiller, BackfillOrders
    from shared.blobs import Blobs, DeadLetterBlobs, RulesBlob
    from shared.gather import Gatherer
    from shared.intake import Intake
    from shared.jobs import JobsClient
    from shared.ledger import Bookkeeping, Entries, Table
    from shared.parameters import Locations
    from shared.prune import Pruner
    from shared.reconcile import Reconciler
    from shared.redrive import Redriver
    from shared.replay import Replayer
    from shared.rule_book import RuleBook
    from shared.rules import Rules
    from shared.rules_source import RulesSource
    from shared.settings import Settings
    from shared.settle import RunHints
    from shared.status import StatusReader
    from shared.storage_connection import StorageConnection
    from shared.storage_queue import StorageQueue
    from shared.sweep import Sweeper

APP_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Service:
    """Everything a door may need, ready for use."""

    settings: Settings
    rule_book: RuleBook
    clock: Clock
    table: Table
    entries: Entries
    bookkeeping: Bookkeeping
    blobs: Blobs
    jobs: JobsClient
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
    identities: tuple[AsyncTokenCredential, ...]
    rules_blob: RulesBlob | None
    queue: StorageQueue
    dead_letters: DeadLetterBlobs | None

    def dispatch_deadline(self) -> Deadline:
        """Return the deadline of work that an event waits for."""
        return Deadline(self.clock, self.settings.dispatch_budget.total_seconds())

    async def close(self) -> None:
        """Release every connection. Safe to repeat."""
        closing = [self.table.close(), self.blobs.close(), self.queue.close(), self.jobs.aclose()]
        closing += [identity.close() for identity in self.identities]
        closing += [blobs.close() for blobs in (self.rules_blob, self.dead_letters) if blobs is not None]
        await asyncio.gather(*closing)


_services: WeakKeyDictionary[asyncio.AbstractEventLoop, Service] = WeakKeyDictionary()


def service() -> Service:
    """Return the service of the running event loop, built from the environment on first use.

    Raises SettingsError or RulesError, at every call until a person has mended the configuration.
    """
    loop = asyncio.get_running_loop()
    if loop not in _services:
        _services[loop] = build(os.environ)
        atexit.register(_leave_quietly)
    return _services[loop]


def _leave_quietly() -> None:
    # A worker gives an app no chance to close its connections, and aiohttp would log each one as an error at exit.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)


def build(environment: Mapping[str, str], *, clock: Clock | None = None) -> Service:
    """Return a service for an environment; makes no request. Raises SettingsError or RulesError."""
    from shared.logs import hush_libraries
    from shared.redaction import guard_logs, hold
    from shared.settings import read_settings, secret_texts

    hush_libraries()
    hold(secret_texts(environment))
    guard_logs()
    settings = read_settings(environment)
    return assemble(settings, clock or SystemClock())


def load_rules(path: Path) -> Rules:
    """Return the rules of a file; raises RulesError, also when there is no such file."""
    from shared.errors import Fault, RulesError
    from shared.rules_file import parse_rules

    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        hint = "RULES_FILE names it, relative to the folder of function_app.py."
        raise RulesError(path.name, [Fault(f"cannot be read: {reason}.")], hint=hint) from error
    return parse_rules(text, path.name)


def assemble(settings: Settings, clock: Clock) -> Service:
    """Return the service that these settings make, every collaborator named once. Raises RulesError."""
    import random
    import uuid

    from shared.blobs import open_blobs
    from shared.jobs import JobsClient, create_credentials, create_http_client
    from shared.ledger import Backfills, Bookkeeping, Budgets, Entries, OldRows, Rounds
    from shared.ledger.azure_table import open_table
    from shared.storage_queue import open_queue
    from shared.use_cases import Collaborators, compose

    accounts = (settings.ledger, settings.landing, settings.host_storage, settings.dead_letters)
    identities = {connection: _identity(connection) for connection in accounts}
    table = open_table(settings.ledger, settings.ledger_table, identities[settings.ledger])
    blobs = open_blobs(settings.landing, identities[settings.landing])
    http = create_http_client()
    jobs = JobsClient(http, settings.databricks, create_credentials(settings.databricks, http, clock), clock)
    entries = Entries(table, lambda: uuid.uuid4().hex)
    bookkeeping = Bookkeeping(table)
    rules_blob = _rules_blob(settings, identities[settings.landing])
    rule_book = _rule_book(settings, rules_blob, bookkeeping, clock)
    queue = open_queue(settings.host_storage, settings.sweep_queue, identities[settings.host_storage])
    dead_letters = _dead_letters(settings, identities[settings.dead_letters])
    randomness = random.Random()  # noqa: S311 - spreads load, guards nothing
    cases = compose(
        Collaborators(
            settings=settings,
            rule_book=rule_book,
            clock=clock,
            entries=entries,
            bookkeeping=bookkeeping,
            budgets=Budgets(table, lambda: uuid.uuid4().hex),
            old_rows=OldRows(table),
            rounds=Rounds(table),
            backfills=Backfills(table, lambda: uuid.uuid4().hex),
            queue=queue,
            dead_letters=dead_letters,
            landing=blobs,
            databricks=jobs,
            locations=locations(settings.landing),
            randomness=randomness,
            new_id=lambda: uuid.uuid4().hex,
        )
    )
    return Service(
        settings=settings,
        rule_book=rule_book,
        clock=clock,
        table=table,
        entries=entries,
        bookkeeping=bookkeeping,
        blobs=blobs,
        jobs=jobs,
        intake=cases.intake,
        redriver=cases.redriver,
        gatherer=cases.gatherer,
        sweeper=cases.sweeper,
        reconciler=cases.reconciler,
        status=cases.status,
        backfill_orders=cases.backfill_orders,
        backfiller=cases.backfiller,
        run_hints=cases.run_hints,
        replayer=cases.replayer,
        pruner=cases.pruner,
        identities=tuple(identity for identity in identities.values() if identity),
        rules_blob=rules_blob,
        queue=queue,
        dead_letters=dead_letters,
    )


def _dead_letters(settings: Settings, identity: AsyncTokenCredential | None) -> DeadLetterBlobs | None:
    from shared.blobs import open_dead_letter_blobs

    container = settings.dead_letter_container
    return open_dead_letter_blobs(settings.dead_letters, container, identity) if container else None


def _rules_blob(settings: Settings, identity: AsyncTokenCredential | None) -> RulesBlob | None:
    from shared.blobs import open_rules_blob

    return open_rules_blob(settings.rules_url.reveal(), settings.landing, identity) if settings.rules_url else None


def _rule_book(settings: Settings, blob: RulesSource | None, bookkeeping: Bookkeeping, clock: Clock) -> RuleBook:
    """Return the rules that came with the app, or follow those in a blob."""
    from shared.rule_book import FollowedRules, ShippedRules

    if blob is not None:
        return FollowedRules(blob, bookkeeping, clock, settings.rules_refresh)
    return ShippedRules(load_rules(APP_ROOT / settings.rules_file), settings.rules_file)


def locations(landing: StorageConnection) -> Locations:
    """Return where a landing account's blobs can be read; Azurite has no dfs endpoint."""
    from shared.parameters import Locations

    host = urlsplit(landing.blob_endpoint).hostname or ""
    dfs_host = host.replace(".blob.", ".dfs.", 1) if ".blob." in host else None
    return Locations(account=landing.account, blob_endpoint=landing.blob_endpoint, dfs_host=dfs_host)


def _identity(connection: StorageConnection) -> AsyncTokenCredential | None:
    """Return our identity for an account that is reached without a key."""
    if connection.key is not None:
        return None
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential(managed_identity_client_id=connection.client_id)
