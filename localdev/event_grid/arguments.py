"""The simulator's command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from localdev.event_grid.event_bodies import Schema
from localdev.event_grid.faults import FaultRates
from localdev.event_grid.options import SimulatorOptions
from localdev.event_grid.retry_policy import EndpointType, RetryPolicy
from shared.storage_connection import StorageConnection, read_connection

CONNECTION_VARIABLE = "AzureWebJobsStorage"
_NOWHERE = StorageConnection(account="", blob_endpoint="", queue_endpoint="", table_endpoint="")
_DEFAULTS = SimulatorOptions(connection=_NOWHERE, webhook="")
_PLAN_HELP = 'JSON: {"landing/a.csv": ["drop"], "landing/b.csv": [{"repeat": 3}, {"delay": 5}]}'


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """What the command line says."""

    options: SimulatorOptions
    plan: Path | None
    summary: Path | None


def parse_arguments(arguments: Sequence[str] | None, environment: Mapping[str, str]) -> Arguments:
    """Return the arguments of a command line; prints what is wrong with it and exits with 2 instead."""
    parsed = _parser(environment.get(CONNECTION_VARIABLE)).parse_args(arguments)
    return Arguments(options=_options(parsed), plan=parsed.plan, summary=parsed.summary_json)


def _options(parsed: argparse.Namespace) -> SimulatorOptions:
    return SimulatorOptions(
        connection=parsed.connection_string,
        webhook=parsed.webhook,
        function=parsed.function,
        subscription=parsed.subscription,
        schema=Schema(parsed.schema),
        containers=parsed.containers,
        created_only=parsed.created_only,
        announce_existing=parsed.announce_existing,
        poll_interval=parsed.poll_interval,
        batch_size=parsed.batch_size,
        concurrency=parsed.concurrency,
        policy=RetryPolicy(
            max_attempts=parsed.max_attempts,
            time_to_live=timedelta(minutes=parsed.time_to_live),
            endpoint=EndpointType(parsed.endpoint_type),
            time_scale=parsed.time_scale,
        ),
        answer_timeout=parsed.answer_timeout,
        dead_letter_container=parsed.dead_letter_container or None,
        rates=FaultRates(duplicate=parsed.duplicate, drop=parsed.drop, reorder=parsed.reorder, delay=parsed.delay),
        seed=parsed.seed,
    )


def _parser(connection: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m localdev.event_grid",
        description="Watch the containers of an Azurite and deliver the Event Grid events that Azure would.",
        epilog="One line per event goes to stderr. SIGINT or SIGTERM end it.",
    )
    _add_places(parser.add_argument_group("where"), connection)
    _add_policy(parser.add_argument_group("how it delivers"))
    _add_faults(parser.add_argument_group("what goes wrong"))
    return parser


def _add_places(group: argparse._ArgumentGroup, connection: str | None) -> None:
    add = group.add_argument
    add(
        "--connection-string",
        type=_connection,
        metavar="TEXT",
        default=connection,
        required=not connection,
        help=f"of the storage account (default: the environment's {CONNECTION_VARIABLE})",
    )
    add("--webhook", required=True, metavar="URL", help="the webhook, or the address of a Functions host")
    add("--function", default=_DEFAULTS.function, help="the function, where --webhook has no path (%(default)s)")
    add("--subscription", default=_DEFAULTS.subscription, help="the event subscription's name (%(default)s)")
    add("--schema", choices=list(Schema), default=_DEFAULTS.schema.value, help="(%(default)s)")
    add("--containers", type=_names, default=(), metavar="A,B", help="watch only these (all but system ones)")
    add("--created-only", action="store_true", help="leave out deletions")
    add("--announce-existing", action="store_true", help="raise events for the blobs that are there at the start, too")
    add(
        "--dead-letter-container",
        default=_DEFAULTS.dead_letter_container,
        metavar="NAME",
        help='where events go that are given up on; "" discards them (%(default)s)',
    )
    add("--summary-json", type=Path, metavar="FILE", help="write the counters there at the end")


def _add_policy(group: argparse._ArgumentGroup) -> None:
    add, policy = group.add_argument, _DEFAULTS.policy
    add("--poll-interval", type=_seconds, default=_DEFAULTS.poll_interval, metavar="S", help="seconds (%(default)s)")
    add("--batch-size", type=_between(1, 5000), default=_DEFAULTS.batch_size, metavar="N", help="(%(default)s)")
    add("--concurrency", type=_between(1, 1000), default=_DEFAULTS.concurrency, metavar="N", help="(%(default)s)")
    add(
        "--time-scale",
        type=_seconds,
        default=policy.time_scale,
        metavar="X",
        help="multiplies every duration of Event Grid: 0.01 makes 10 s 0.1 s (%(default)s)",
    )
    add("--max-attempts", type=_between(1, 30), default=policy.max_attempts, metavar="N", help="(%(default)s)")
    add(
        "--time-to-live",
        type=_between(1, 1440),
        default=int(policy.time_to_live.total_seconds() // 60),
        metavar="MIN",
        help="minutes (%(default)s)",
    )
    add("--endpoint-type", choices=list(EndpointType), default=policy.endpoint.value, help="(%(default)s)")
    add("--answer-timeout", type=_seconds, metavar="S", help="real seconds (30 s scaled, at least 15)")


def _add_faults(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--duplicate", type=_share, default=0.0, metavar="SHARE", help="deliver this share of the events twice")
    add("--drop", type=_share, default=0.0, metavar="SHARE", help="never deliver this share")
    add("--reorder", type=_share, default=0.0, metavar="SHARE", help="deliver this share after a later event")
    add("--delay", type=_range, default=(0.0, 0.0), metavar="A-B", help="delay every delivery by A to B real seconds")
    add("--seed", type=int, help="makes the same faults again (default: chosen, and logged)")
    add(
        "--plan",
        type=Path,
        metavar="FILE",
        help=_PLAN_HELP,
    )


def _connection(text: str) -> StorageConnection:
    read = read_connection("the connection", {"the connection": text})
    if not isinstance(read, StorageConnection):
        # Not the text itself: it may hold a key.
        raise argparse.ArgumentTypeError("it needs AccountName and AccountKey, or UseDevelopmentStorage=true")
    return read


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _seconds(text: str) -> float:
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _share(text: str) -> float:
    if not 0 <= (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    if not 0 <= float(low) <= float(high or low):
        raise argparse.ArgumentTypeError(f"{text} is not like 0-5")
    return float(low), float(high or low)


def _between(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not low <= (value := int(text)) <= high:
            raise argparse.ArgumentTypeError(f"{text} is not between {low} and {high}")
        return value

    return number
