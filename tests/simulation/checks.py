"""What must hold when a history has ended and everything has had its time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from shared.model import Result, State, Verdict, entry_key
from tests.simulation.history import History
from tests.simulation.ingredients import Ingredient
from tests.simulation.ledger_watch import LedgerWatch
from tests.simulation.rule_texts import IGNORING, LIMIT, LIMITED_JOB, LONGEST_GATHERING, RERUN, SHADOW
from tests.simulation.scenario import Scenario
from tests.simulation.truth import Content, Truth
from tests.simulation.workspace import TrueRun, Workspace

HEALTHY_BOUND = 12 * 60.0  # seconds from landing to the run, where only the event was lost
CRASHING_BOUND = 25 * 60.0  # where workers crash as well
_MOST_RERUNS = 2  # of the rules' on_failure
# Around an edit of the rules a fresh event may be handled by both versions, each in its own way.
EDIT_MARGIN = 8 * 60.0
_CLOCKS = 10.0  # seconds that two clocks may differ
_RULE_BESIDE = "audit"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """All that the checks look at."""

    scenario: Scenario
    truth: Truth
    workspace: Workspace
    watch: LedgerWatch
    history: History
    edits: tuple[float, ...]


def check_end(evidence: Evidence) -> list[float]:
    """Record every promise that was broken; return how long each content that ran has waited for its run."""
    waits = []
    for content in evidence.truth.contents:
        runs = _effective(evidence, content.keys)
        _check_lost(evidence, content, runs)
        _check_rules_apart(evidence, content)
        _check_touches(evidence, content)
        _check_members(evidence, content)
        _check_ignored(evidence, content)
        waits += _check_wait(evidence, content, runs)
    for key in evidence.truth.by_key:
        if key in evidence.workspace.of_entry:
            _check_double(evidence, key)
    _check_batches(evidence)
    _check_caps(evidence)
    _check_owners(evidence)
    for key in sorted(evidence.watch.open):
        _check_stuck(evidence, key)
    return waits


def _effective(evidence: Evidence, keys: Iterable[str]) -> list[TrueRun]:
    of_entry = evidence.workspace.of_entry
    keys = evidence.truth.with_batches(keys)
    return [run for key in keys for run in of_entry.get(key, ()) if run.is_effective]


def _check_lost(evidence: Evidence, content: Content, runs: list[TrueRun]) -> None:
    """What lies there at the end, and a rule has wanted from its commit on, has run for that rule."""
    if content.gone_at is not None:
        return
    for rule in sorted(evidence.truth.lasting_rules(content)):
        keys = _keys_of(evidence, content, rule)
        if (
            _effective(evidence, keys)
            or _is_excused(evidence, content, rule, keys)
            or _is_ignored(evidence, rule, keys)
        ):
            continue
        entries = [evidence.watch.entries[key] for key in keys if key in evidence.watch.entries]
        stands = [f"{entry['state']}/{entry.get('result', '')}" for entry in entries] or ["no entry"]
        what = f"the rule {rule} never ran for what lies there ({', '.join(stands)}; {len(runs)} runs of other rules)"
        evidence.history.violated("lost", what, content.full_path)


def _is_excused(evidence: Evidence, content: Content, rule: str, keys: list[str]) -> bool:
    for key in evidence.truth.with_batches(keys):
        entry = evidence.watch.entries.get(key) or evidence.watch.pruned.get(key, {})
        if entry.get("state") == State.DEAD or entry.get("result") in {Result.CANCELLED, Result.UNKNOWN}:
            return True  # for reasons that were checked when they were written
    activated = evidence.watch.activated.get(rule)
    if activated is None or content.committed <= activated + _CLOCKS:
        return content.announced is None  # older than its rule's first sight: only an event says that it landed
    if content.is_moved and content.announced is None:
        return True  # nobody can know: a renamed file is as old as it was
    return content.is_repeated and content.acknowledged is None  # the same bytes again look like a touch


def _is_ignored(evidence: Evidence, rule: str, keys: list[str]) -> bool:
    """Tell whether a rule starts nothing for a content, and rightly: another one at its path has run, or been tried."""
    entries = [evidence.watch.entries.get(key) or evidence.watch.pruned.get(key, {}) for key in keys]
    if rule == SHADOW.name:
        return any(entries)
    if rule not in IGNORING or not any(entry.get("result") == Result.IGNORED for entry in entries):
        return False
    place = evidence.truth.by_key[keys[0]].content.full_path
    for content in evidence.truth.contents:
        others = _keys_of(evidence, content, rule)
        if content.full_path == place and (
            _effective(evidence, others) or _is_excused(evidence, content, rule, others)
        ):
            return True
    return False


def _check_ignored(evidence: Evidence, content: Content) -> None:
    """A shadow starts nothing, and a rule that ignores overwrites starts nothing for them."""
    if evidence.scenario.has(Ingredient.PRUNES) or not evidence.scenario.has(Ingredient.IGNORED_OVERWRITES):
        return
    for rule in IGNORING:
        ran = [
            other.number
            for other in evidence.truth.contents
            if other.full_path == content.full_path and _effective(evidence, _keys_of(evidence, other, rule))
        ]
        if len(ran) > 1 and content.number == ran[-1]:
            evidence.history.violated("refired", f"an overwrite ran for the rule {rule}", content.full_path)


def _keys_of(evidence: Evidence, content: Content, rule: str) -> list[str]:
    return [key for key in content.keys if evidence.truth.by_key[key].rule == rule]


def _check_double(evidence: Evidence, key: str) -> None:
    """Each effective run of an entry but the first has its reason in what became of the one before."""
    identity = evidence.truth.by_key[key]
    runs = [run for run in evidence.workspace.of_entry[key] if run.is_effective]
    failures = 0
    for before, after in pairwise(runs):
        replayed = any(
            rule == identity.rule and before.created <= at <= after.created for at, rule in evidence.truth.replays
        )
        failures += 1
        may_rerun = identity.rule in RERUN and before.verdict is Verdict.FAILED and failures <= _MOST_RERUNS
        has_ended = before.ends <= after.created or before.is_deleted
        if has_ended and (replayed or (may_rerun and before.token != after.token)):
            continue
        what = f"runs {before.run_id} and {after.run_id} of the rule {identity.rule}, and no reason for the second"
        evidence.history.violated("double", what, identity.content.full_path)


def _check_rules_apart(evidence: Evidence, content: Content) -> None:
    """One file is for one rule, unless the rules changed while its event was fresh.

    What has no MD5 is left out where it is touched: that looks like a new file, and is for the rules of its time.
    """
    if len(content.versions) > 1 and not content.has_md5:
        return
    rules = {
        evidence.truth.by_key[run.entry].rule
        for run in _effective(evidence, content.keys)
        if evidence.truth.by_key[run.entry].rule != _RULE_BESIDE
    }
    if len(rules) > 1 and not any(
        content.committed - 90 <= at <= content.committed + EDIT_MARGIN for at in evidence.edits
    ):
        what = f"the rules {', '.join(sorted(rules))} all ran for it"
        evidence.history.violated("double", what, content.full_path)


def _check_owners(evidence: Evidence) -> None:
    """Every run is for an entry that was, and of a rule that runs."""
    for entry in evidence.workspace.of_entry:
        identity = evidence.truth.by_key.get(entry)
        if identity is None:
            evidence.history.violated("wrong", f"a run was started for the entry {entry!r}, which never was")
        elif identity.rule == SHADOW.name:
            evidence.history.violated("wrong", "a shadow started a run", identity.content.full_path)


def _check_batches(evidence: Evidence) -> None:
    """What was sealed was claimed."""
    for key, batch in evidence.truth.batches.items():
        if batch.members and key not in evidence.watch.created:
            evidence.history.violated("lost", "a batch was sealed, and never claimed", batch.arrival.full_path)


def _check_members(evidence: Evidence, content: Content) -> None:
    """What a rule gathers is run with its batch and never by itself, and its batch's run is told where the list is."""
    if content.arrival.container != "bulk":
        return
    for key in content.keys:
        if evidence.workspace.of_entry.get(key):
            evidence.history.violated("wrong", "a member was run by itself", content.full_path)
        for batch in evidence.truth.batches_of.get(key, ()):
            for run in evidence.workspace.of_entry.get(entry_key(batch.rule, batch.arrival), ()):
                if not run.parameters.get("manifest", "").endswith(batch.arrival.path):
                    what = f"run {run.run_id} was told of another manifest: {run.parameters}"
                    evidence.history.violated("wrong", what, content.full_path)


def _check_touches(evidence: Evidence, content: Content) -> None:
    """A touch runs nothing again, where the ledger could tell it from new content."""
    if len(content.versions) == 1 or not content.has_md5:
        return
    for rule in {evidence.truth.by_key[key].rule for key in content.keys}:
        keys = _keys_of(evidence, content, rule)
        ran = [key for key in keys if _effective(evidence, [key])]
        for key in ran[1:]:
            entry = evidence.watch.entries.get(key)
            if entry is not None and entry.get("ambiguous_touch") != "true":
                what = f"a touch was run as new content for the rule {rule}"
                evidence.history.violated("refired", what, content.full_path)


def _check_caps(evidence: Evidence) -> None:
    """In any minute or hour, wherever it begins, no more requests leave than the limit says, as clocks agree."""
    scenario, sent = evidence.scenario, evidence.workspace.sent
    if not scenario.has(Ingredient.LIMITS):
        return
    _check_cap(evidence, "the rule erp", sent.get(LIMITED_JOB, []), LIMIT, 60.0)
    if scenario.most_runs_per_hour:
        every = sorted(moment for moments in sent.values() for moment in moments)
        _check_cap(evidence, "all rules", every, scenario.most_runs_per_hour, 3600.0)


def _check_cap(evidence: Evidence, of: str, moments: list[float], most: int, seconds: float) -> None:
    window = seconds - 2 * evidence.scenario.rate(Ingredient.SKEW)
    reached = zip(moments, moments[most - 1 :], strict=False)
    evidence.history.hits[f"cap of {of} was reached"] += any(last - first < seconds for first, last in reached)
    for first, one_more in zip(moments, moments[most:], strict=False):
        if one_more - first < window:
            what = f"{most + 1} requests of {of} left between {first:.3f} s and {one_more:.3f} s; {most} may"
            evidence.history.violated("cap", what)


def _check_wait(evidence: Evidence, content: Content, runs: list[TrueRun]) -> list[float]:
    scenario = evidence.scenario
    if not runs or content.is_far or content.is_moved or "/quiet/" in content.full_path:
        return []
    wait = min(run.created for run in runs) - content.committed
    bound = HEALTHY_BOUND if scenario.is_healthy else CRASHING_BOUND
    is_gathered = content.arrival.container == "bulk"
    bound += LONGEST_GATHERING if is_gathered else 0
    if not scenario.is_bounded:
        return []
    if wait > bound:
        what = f"it waited {wait:.0f} s for its run; the bound is {bound:.0f} s"
        evidence.history.violated("slow", what, content.full_path)
    return [] if is_gathered else [wait]


def _check_stuck(evidence: Evidence, key: str) -> None:
    entry, identity = evidence.watch.entries[key], evidence.truth.by_key[key]
    what = f"entry {key[:12]} of the rule {identity.rule} is {entry['state']}, due at {entry.get('due_at')}"
    evidence.history.violated("stuck", f"{what}: {entry.get('reason', '')}", identity.content.full_path)
