"""What `landfall explain` says: for people, and for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cli.explain.run_preview import Preview
from cli.output import ago, as_json, out, shortened, show_json, show_table, visible
from shared.model import Entry
from shared.rules import Explanation, FailureAction, Match, Mode, OnFailure, OnOverwrite, Rule

OPTIONS = {field: f"--{field.replace('_', '-')}" for field in ("size", "content_type", "blob_type", "api", "account")}


@dataclass(frozen=True, slots=True)
class Hit:
    """A match, and the request that would come of it."""

    match: Match
    preview: Preview

    @property
    def is_dead(self) -> bool:
        """Tell whether the file is recorded as dead instead of sent; a shadow sends nothing anyway."""
        return bool(self.preview.fault) and self.match.rule.mode is not Mode.SHADOW


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All that can be said about a path."""

    full_path: str
    unheard: str = ""  # why its event starts nothing, whatever the rules say
    hits: Sequence[Hit] = ()
    explanations: Sequence[Explanation] = ()  # of the rules that are shown
    not_shown: int = 0  # rules that do not match
    entries: Sequence[Entry] | None = None  # of the ledger; None when it was not asked
    present_names: Mapping[str, str] = field(default_factory=dict)  # of rules, by the names that entries have
    now: datetime

    @property
    def starts(self) -> bool:
        """Tell whether any rule is for the file."""
        return bool(self.hits) and not self.unheard


def show(report: Report) -> None:
    """Write the report for people."""
    rows = [(each.rule, "matches" if each.matched else "no", _what(each)) for each in report.explanations]
    if rows:
        show_table(
            shortened(report.full_path), ("rule", "", "captures, or why not"), rows, wide=("captures, or why not",)
        )
    if report.not_shown:
        what = "1 more rule does" if report.not_shown == 1 else f"{report.not_shown:,} more rules do"
        out.print(f"{what} not match; --all shows all.")
    if report.unheard:
        out.print(visible(f"Its event starts nothing: {report.unheard}."))
    elif not report.hits:
        out.print("No rule matches: a file there starts nothing.")
    for hit in () if report.unheard else report.hits:
        for line in _sentences(hit):
            out.print(visible(line))
        if not hit.is_dead:
            out.print(_visible_json(hit.preview.body), markup=False, soft_wrap=True)
    if report.entries is not None:
        _show_entries(report, report.entries)


def _what(explanation: Explanation) -> str:
    if explanation.captures is None:
        return explanation.reason
    taken = ", ".join(f"{name}={capture.text}" for name, capture in explanation.captures.items())
    return f"{taken or '(no captures)'}{f'; {explanation.reason}' if explanation.reason else ''}"


def _sentences(hit: Hit) -> Iterable[str]:
    """Yield what becomes of a match, the sentence about its request last."""
    rule, match, preview = hit.match.rule, hit.match, hit.preview
    if hit.is_dead:
        yield f"{rule.name} starts nothing: the file is recorded as dead, since {preview.fault}."
        return
    if rule.mode is Mode.SHADOW:
        yield f"{rule.name} is a shadow: it would start the job {rule.job}, and only records that."
    elif match.undecided:
        options = " and ".join(OPTIONS[field] for field in match.undecided)
        yield f"Whether {rule.name} starts the job {rule.job} depends on what the blob tells: {options} decides it."
    else:
        yield f"{rule.name} starts the job {rule.job}."
    yield from _policies(rule)
    if preview.is_of_now:
        yield "The times in its parameters are as if the file had landed now."
    if preview.needs:
        yield f"To see the whole request, give {', '.join(preview.needs)}. What run-now would be sent:"
    else:
        yield "What run-now would be sent for it first:"


def _policies(rule: Rule) -> Iterator[str]:
    """Yield what a rule says beside what it starts."""
    if rule.on_overwrite is not OnOverwrite.RUN:
        told = " and a person is told" if rule.on_overwrite is OnOverwrite.ALERT else ""
        yield f"Only a path's first version: a new one is recorded and not run{told} (`on_overwrite`)."
    if rule.on_failure.action is not FailureAction.RECORD and rule.mode is not Mode.SHADOW:
        what = "started again" if rule.on_failure.action is FailureAction.RERUN else "repaired"
        times = "once" if rule.on_failure.most == 1 else f"{rule.on_failure.most} times"
        yield f"A run that fails in a way that may pass is {what}, at most {times} (`on_failure`)."
    if rule.gather and rule.mode is not Mode.SHADOW:
        yield f"It gathers: {rule.gather.words()} (`gather`). The request below is of a batch of this file alone."
    if rule.limits and rule.mode is not Mode.SHADOW:
        limits = " and ".join(limit.words() for limit in rule.limits)
        yield f"It starts at most {limits}; what is over that waits for its turn (`limit`)."
    if rule.renamed_from:
        former = ", then ".join(reversed(rule.renamed_from))
        yield f"It was called {former} before; the ledger keeps it as {rule.ledger_name} (`renamed_from`)."


def _visible_json(body: str) -> str:
    """Return JSON that means the same and holds nothing that a terminal would obey."""
    return "".join(each if each.isprintable() else _unicode_escaped(each) for each in body)


def _unicode_escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[index : index + 2].hex()}" for index in range(0, len(units), 2))


def _show_entries(report: Report, entries: Sequence[Entry]) -> None:
    if not entries:
        out.print(
            "The ledger holds nothing of it. Events come within minutes; a rule takes no files older than itself."
        )
        return
    rows = [
        (
            report.present_names.get(entry.rule, entry.rule),
            entry.arrival.version,
            entry.arrival.source.value,
            str(entry.result or entry.state),
            entry.run_id,
            ago(entry.arrival.committed_at, report.now),
            entry.reason,
        )
        for entry in entries
    ]
    columns = ("rule", "version", "found by", "result", "run", "age", "why")
    show_table("In the ledger, the newest version of each rule", columns, rows, wide=("rule", "why"))


def show_as_json(report: Report) -> None:
    """Write the report for scripts."""
    told: dict[str, Any] = {
        "path": report.full_path,
        "starts": report.starts,
        "unheard": report.unheard or None,
        "matches": [_hit_as_json(hit) for hit in report.hits],
        "others": [{"rule": each.rule, "reason": each.reason} for each in report.explanations if not each.matched],
    }
    if report.entries is not None:
        told["ledger"] = [_entry_as_json(entry, report.present_names) for entry in report.entries]
    show_json(told)


def _hit_as_json(hit: Hit) -> dict[str, Any]:
    match, preview = hit.match, hit.preview
    return {
        "rule": match.rule.name,
        "job": str(match.rule.job),
        "captures": {name: capture.text for name, capture in match.captures.items()},
        "undecided": {field: OPTIONS[field] for field in match.undecided},
        "mode": match.rule.mode,
        "on_overwrite": match.rule.on_overwrite,
        "on_failure": _on_failure_as_json(match.rule.on_failure),
        "gather": match.rule.gather.words() if match.rule.gather else None,
        "limit": [str(limit) for limit in match.rule.limits],
        "renamed_from": [*match.rule.renamed_from],
        "ledger_name": match.rule.ledger_name,
        "min_age_seconds": match.rule.conditions.min_age.total_seconds(),
        "dead": preview.fault if hit.is_dead else None,
        "needs": [*preview.needs],
        "request": preview.body,
    }


def _on_failure_as_json(policy: OnFailure) -> object:
    return policy.action if policy.action is FailureAction.RECORD else {policy.action: policy.most}


def _entry_as_json(entry: Entry, present_names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "rule": present_names.get(entry.rule, entry.rule),
        "ledger_name": entry.rule,
        "version": entry.arrival.version,
        "found_by": entry.arrival.source,
        "state": entry.state,
        "result": entry.result,
        "reason": entry.reason or None,
        "run_id": entry.run_id,
        "committed_at": as_json(entry.arrival.committed_at),
    }
