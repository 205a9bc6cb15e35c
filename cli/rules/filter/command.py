"""`landfall rules filter`: the tightest filter of an event subscription that drops no event that a rule wants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import out, shortened, show_json, show_table, talk, visible
from cli.rules.diff.arrival_sources import arrivals_of_lines
from cli.rules.filter.drift import Drift, Kind, drifts_of
from cli.rules.filter.formats import Format, written
from cli.rules.filter.subscription_file import Subscription, read_subscription
from cli.rules.filter.subscription_filter import MOST_VALUES, SubscriptionFilter, subject_of
from cli.rules.filter.tightest_filter import Tightest, tightest_filter
from cli.rules.text_input import read_input, text_lines
from cli.unusable import UNUSABLE, unusable_exits
from shared.events import CREATED
from shared.rules import Rules
from shared.wiring import APP_ROOT, load_rules


def filter_(
    *,
    rules: Annotated[Path, typer.Option(help="The rules file.")] = APP_ROOT / "rules.yaml",
    as_format: Annotated[Format, typer.Option("--format", help="Arguments for `az`, Bicep, or JSON.")] = Format.AZ,
    hns: Annotated[
        bool, typer.Option("--hns/--no-hns", help="The account has a hierarchical namespace (or may have one).")
    ] = True,
    verify: Annotated[
        str, typer.Option(metavar="FILE", help="Compare an exported event subscription; `-` is standard input.")
    ] = "",
    paths: Annotated[
        str, typer.Option(metavar="FILE", help="Count which of these paths (container/path) pass; `-` likewise.")
    ] = "",
) -> None:
    """Write the tightest filter that is never narrower than the rules, or compare a subscription with it.

    Exit status 1 when the subscription given to --verify drops what a rule wants, 2 when something cannot be used.
    """
    with unusable_exits():
        loaded = load_rules(rules)
        if not any(rule.enabled for rule in loaded):
            talk.print("No rule is enabled: there is nothing to subscribe to.", style="red")
            raise typer.Exit(UNUSABLE)
        if verify:
            subscription = read_subscription(read_input(verify), verify)
            _verify(subscription, loaded, is_hierarchical=hns, as_json=as_format is Format.JSON)
            return
        tightest = tightest_filter(loaded, is_hierarchical=hns)
        out.file.write(written(tightest.filter, as_format) + "\n")
        _say_what_was_given_up(tightest)
        if paths:
            _count(tightest.filter, loaded, paths)


def _say_what_was_given_up(tightest: Tightest) -> None:
    kept = {each.operator: len(each.values) for each in tightest.filter.advanced if each.is_about_subject}
    for what, found, operator in (
        ("beginnings", tightest.beginnings, "StringBeginsWith"),
        ("endings", tightest.endings, "StringEndsWith"),
    ):
        if found > kept.get(operator, 1):
            talk.print(
                f"The rules' files have {found} different {what}. An event subscription has {MOST_VALUES} values in "
                f"all, so that they are put together to {kept.get(operator, 1)}, and more passes than must.",
                markup=False,
            )


def _count(filter_: SubscriptionFilter, rules: Rules, paths: str) -> None:
    counts = {"paths": 0, "delivered": 0, "wanted": 0}
    for arrival in arrivals_of_lines(text_lines(paths), paths, account=""):
        event = {"eventType": CREATED, "subject": subject_of(arrival.full_path), "data": {}}
        counts["paths"] += 1
        counts["delivered"] += filter_.passes(event)
        counts["wanted"] += bool(rules.match(arrival))
    talk.print(
        f"Of {counts['paths']:,} paths {counts['delivered']:,} pass the filter; rules want {counts['wanted']:,}.",
        markup=False,
    )


def _verify(subscription: Subscription, rules: Rules, *, is_hierarchical: bool, as_json: bool) -> None:
    drifts = drifts_of(subscription.filter, rules, is_hierarchical=is_hierarchical)
    failed = any(drift.kind is not Kind.WIDER for drift in drifts)
    if as_json:
        show_json({"ok": not failed, "expires": subscription.expires or None, "drifts": [*map(_as_json, drifts)]})
    else:
        _show(subscription, drifts)
    raise typer.Exit(1 if failed else 0)


def _show(subscription: Subscription, drifts: list[Drift]) -> None:
    if drifts:
        rows = [(drift.kind.value, drift.rule, drift.says, shortened(drift.path)) for drift in drifts]
        columns = ("", "rule", "what", "for example")
        show_table(subscription.name or "The event subscription", columns, rows, wide=("what", "for example"))
    kinds = {drift.kind for drift in drifts}
    if Kind.NARROWER in kinds:
        out.print(
            "It drops events that rules want; only the sweep finds those files. `landfall rules filter` mends it."
        )
    elif Kind.UNPROVEN in kinds:
        out.print("Whether it drops events that rules want is not proven.")
    else:
        wider = ", and others too" if drifts else " and no others that a filter could keep out"
        out.print(f"It lets through every event that a rule wants{wider}.")
    if subscription.expires:
        out.print(f"It expires: Event Grid deletes it on {visible(subscription.expires)}.")


def _as_json(drift: Drift) -> dict[str, str | None]:
    return {"kind": drift.kind, "says": drift.says, "rule": drift.rule or None, "path": drift.path or None}
