"""`landfall explain PATH`: what a file would start, or why it would not, by the code that decides in production."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.blob_place import BlobPlace
from cli.explain.blob_address import parse_address
from cli.explain.closest_rules import closest_first
from cli.explain.path_history import entries_of_path
from cli.explain.report import Hit, Report, show, show_as_json
from cli.explain.run_preview import Surroundings, preview_of
from cli.options import read_size
from cli.output import complain
from cli.rules.filter.subscription_filter import subject_of
from cli.target import environment
from cli.unusable import unusable_exits
from shared import wiring
from shared.clock import Deadline, SystemClock
from shared.errors import JobsError, SettingsError
from shared.events import CREATED, Ignored, arrival_from
from shared.model import Arrival, Entry
from shared.rules import Rules
from shared.settings import Settings, read_settings
from shared.wiring import APP_ROOT, Service, load_rules
from shared.wording import shown

MOST_SHOWN = 3
LOOK_UP_SECONDS = 20


def explain(
    path: Annotated[str, typer.Argument(help="container/path of a blob, or its https, abfss or wasbs address.")],
    *,
    rules: Annotated[Path | None, typer.Option(help="The rules file; those in force by default.")] = None,
    size: Annotated[str, typer.Option(help="The file's size, such as 10240 or 10KB.")] = "",
    etag: Annotated[str, typer.Option(help="Its ETag: the request's token depends on it.")] = "",
    content_type: Annotated[str, typer.Option(help="Its content type.")] = "",
    blob_type: Annotated[str, typer.Option(help="Its type of blob, such as BlockBlob.")] = "",
    api: Annotated[str, typer.Option(help="The operation that wrote it, such as PutBlob.")] = "",
    account: Annotated[str, typer.Option(help="Its storage account.")] = "",
    resolve: Annotated[bool, typer.Option("--resolve", help="Ask Databricks for the id of a job named.")] = False,
    ledger: Annotated[bool, typer.Option("--ledger", help="Show what the ledger holds of the path.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Show every rule, not only the closest.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Say what a file would start: rule, captures and the request; or the closest rules and where each one stops.

    Exit status 0 when a rule matches, 1 when none does. Only --resolve and --ledger ask anybody, beside reading
    RULES_URL where it is set and --rules is not.
    """
    address, bytes_ = _address(path, account), _size(size)
    facts = {"eTag": etag, "contentType": content_type, "blobType": blob_type, "api": api, "contentLength": bytes_}
    with unusable_exits():
        settings = _settings()
        loaded = _rules(rules, settings)
        now = SystemClock().now()
        found = _arrival(address, facts, now, settings)
        if isinstance(found, Ignored):
            report = Report(full_path=address.full_path, unheard=found.reason, now=now)
        else:
            asks = resolve or ledger
            answers = asyncio.run(_ask(loaded, found, resolve=resolve, ledger=ledger)) if asks else _Answers()
            report = _report(loaded, found, answers, now, settings, every=every)
    (show_as_json if json else show)(report)
    raise typer.Exit(0 if report.starts else 1)


def _address(text: str, account: str) -> BlobPlace:
    try:
        address = parse_address(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="PATH") from None
    if account and address.account and account.lower() != address.account:
        raise typer.BadParameter(f"the address names the account {shown(address.account)}", param_hint="--account")
    return replace(address, account=address.account or account)


def _size(written: str) -> int | None:
    try:
        return read_size(written) if written else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--size") from None


def _settings() -> Settings | None:
    """Return the settings of the stack that runs here or of the environment, None when there are none to speak of."""
    try:
        return read_settings(environment())
    except SettingsError:
        return None


def _rules(file: Path | None, settings: Settings | None) -> Rules:
    if file is None and settings and settings.rules_url:
        return asyncio.run(_rules_in_force())
    return load_rules(file or APP_ROOT / (settings.rules_file if settings else "rules.yaml"))


async def _rules_in_force() -> Rules:
    """Return the rules of RULES_URL that decide now. Raises RulesError or BlobsUnavailable when there are none."""
    service = wiring.build(environment())
    try:
        rules = await service.rule_book.current()
        if problem := service.rule_book.standing.problem:
            message = f"These are the last good rules; the newest are refused.\n{problem}"
            complain(message)
        return rules
    finally:
        await service.close()


def _arrival(
    address: BlobPlace, facts: Mapping[str, object], now: datetime, settings: Settings | None
) -> Arrival | Ignored:
    """Return the arrival that an event about the blob would announce, by the code that reads events."""
    topic = f"/storageAccounts/{address.account}" if address.account else ""
    subject = subject_of(address.full_path)
    event = {"eventType": CREATED, "topic": topic, "subject": subject, "eventTime": now.isoformat(), "data": facts}
    arrival = arrival_from(event, now)
    if isinstance(arrival, Ignored) or settings is None:
        return arrival
    watched = settings.landing.account
    if arrival.account and arrival.account.lower() != watched.lower():
        return Ignored(reason=f"the account {arrival.account} is not watched, {watched} is", subject=subject)
    return replace(arrival, account=watched)


@dataclass(frozen=True, slots=True)
class _Answers:
    """What others said who were asked."""

    job_ids: Mapping[str, int] = field(default_factory=dict)
    entries: Sequence[Entry] | None = None


async def _ask(rules: Rules, arrival: Arrival, *, resolve: bool, ledger: bool) -> _Answers:
    """Ask Databricks and the ledger what they are to be asked. Raises SettingsError or LedgerError."""
    service = wiring.build(environment())
    try:
        job_ids = await _job_ids(service, rules, arrival) if resolve else {}
        if not ledger:
            return _Answers(job_ids)
        names = {rule.ledger_name for rule in rules} | set(await service.bookkeeping.standings())
        return _Answers(job_ids, await entries_of_path(service, names, arrival))
    finally:
        await service.close()


async def _job_ids(service: Service, rules: Rules, arrival: Arrival) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in {match.rule.job.name for match in rules.match(arrival) if match.rule.job.name}:
        try:
            found[name] = await service.jobs.find_job(name, Deadline(service.clock, LOOK_UP_SECONDS))
        except JobsError as error:
            complain(str(error))
    return found


def _report(
    rules: Rules, arrival: Arrival, answers: _Answers, now: datetime, settings: Settings | None, *, every: bool
) -> Report:
    surroundings = Surroundings(
        locations=wiring.locations(settings.landing) if settings else None,
        workspace=settings.databricks.workspace if settings else "",
        job_ids=answers.job_ids,
    )
    hits = [Hit(match, preview_of(match, surroundings)) for match in rules.match(arrival)]
    explanations = rules.explain_arrival(arrival)
    missed = closest_first([each for each in explanations if not each.matched], rules, arrival.full_path)
    if not every:
        # Beside a rule that matches, only those matter that would take the path too.
        missed = [each for each in missed if each.captures is not None] if hits else missed[:MOST_SHOWN]
    matched = [each for each in explanations if each.matched]
    return Report(
        full_path=arrival.full_path,
        hits=hits,
        explanations=[*matched, *missed],
        not_shown=len(explanations) - len(matched) - len(missed),
        entries=answers.entries,
        present_names={rule.ledger_name: rule.name for rule in rules},
        now=now,
    )
