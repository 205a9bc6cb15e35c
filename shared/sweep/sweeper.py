"""Run rounds: go through their shards here or over the queue, and conclude them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from shared import logs
from shared.clock import Deadline
from shared.errors import LedgerConflict, LedgerUnavailable
from shared.ledger import Bookkeeping, Entries, Round, Shard, Standing
from shared.listing_plan import Kind
from shared.redaction import told
from shared.rule_book import RuleBook
from shared.rules import Rules
from shared.sweep.conclusion import RoundReport, proven, report
from shared.sweep.known import Known
from shared.sweep.opening import Opener
from shared.sweep.shard_message import ShardMessage
from shared.sweep.shard_sweep import ShardSweep, ShardTools
from shared.sweep.sharing import Sharer
from shared.sweep.view import View, Views
from shared.together import all_done

CONCURRENCY = 4
# An idle host takes a message within ten seconds, one that must start first, or tries again, within about a minute (see
# host.json). What nobody has taken after twice that waits for too few workers, or its message is lost, or hidden with a
# worker that died before it had the lease. The passes go on with it; the lease keeps off whoever comes after all.
LEFT_TO_THE_QUEUE = timedelta(minutes=2)
# A message that nobody has taken for so long was lost; a second one is harmless, the lease decides.
SENT_AGAIN_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Occasion:
    """A pass that sweeps: what it knows, until when, and how its rounds stand."""

    rules: Rules
    standings: Mapping[str, Standing]
    now: datetime  # by the storage service's clock
    deadline: Deadline
    reports: list[RoundReport] = field(default_factory=list)


class Sweeper:
    """Finds missed events."""

    def __init__(
        self,
        *,
        tools: ShardTools,
        opener: Opener,
        entries: Entries,
        bookkeeping: Bookkeeping,
        rule_book: RuleBook,
        sharer: Sharer,
    ) -> None:
        self._tools = tools
        self._opener = opener
        self._bookkeeping = bookkeeping
        self._rule_book = rule_book
        self._sharer = sharer
        self._views = Views(partial(Known, entries, tools.clock), tools.settings)

    async def sweep(self, rules: Rules, standings: Mapping[str, Standing], deadline: Deadline) -> list[RoundReport]:
        """Go on with the rounds that are open and begin those that are due; return how they stand.

        Out of time, the next pass goes on from there. Safe to repeat and to run twice at once. Raises LedgerError, or
        BlobsUnavailable when not even the service's time is to be had; watermarks then stay where they are. Where only
        one kind of round fails, the report of the other names why.
        """
        if not any(rule.enabled for rule in rules):
            return []
        now = await self._tools.landing.server_time()
        standings = await self._activated(rules, standings, now)
        occasion = _Occasion(rules, standings, now, deadline)
        failures: list[Exception] = []
        for kind in Kind:
            try:
                await self._as_far_as_it_goes(kind, occasion)
            except Exception as error:  # noqa: BLE001 - what one kind of round meets must not stop the other
                logs.error("round.failed", kind=kind, reason=told(error))
                failures.append(error)
        if failures and not occasion.reports:
            raise failures[0]
        return [replace(each, failures=(*each.failures, *map(told, failures))) for each in occasion.reports]

    async def _as_far_as_it_goes(self, kind: Kind, occasion: _Occasion) -> None:
        """Go on with the rounds of a kind, a second time where one call of the ledger has stopped the first."""
        try:
            await self._rounds(kind, occasion)
        except LedgerUnavailable as error:
            if occasion.deadline.passed():
                raise
            logs.warning("round.interrupted", kind=kind, reason=error)
            await self._rounds(kind, occasion)

    async def _rounds(self, kind: Kind, occasion: _Occasion) -> None:
        """Go on with a round of a kind; where an earlier pass has left it, and this one ends it, also with the next.

        What a left round began with is old: without this, each pass that dies makes files wait for two passes more.
        """
        while True:
            round_ = await self._round(kind, occasion)
            if round_ is None:
                return
            view = self._views.of(round_, occasion.rules, occasion.standings)
            found = await self._go_on(round_, view, occasion.deadline)
            occasion.reports.append(found)
            is_left_over = round_.started_at < occasion.now
            if not is_left_over or found.round.concluded_at is None or occasion.deadline.passed():
                return

    async def work_on(self, message: str) -> None:
        """Sweep the shard that a message of the queue names, as long as a pass may take; repeat it where time ends.

        A message that is out of date does nothing: its round is over, or is for other rules than ours. Raises
        LedgerError, so that the queue delivers it again.
        """
        try:
            asked = ShardMessage.from_text(message)
        except ValueError as error:
            logs.error("shard.message_refused", reason=f"{error}: {message[:100]!r}")
            return
        rules = await self._rule_book.current()
        round_ = await self._tools.rounds.current(asked.kind)
        is_current = round_ is not None and _is_current(round_, asked.round_id, rules)
        shard = await self._tools.rounds.shard(asked.kind, asked.round_id, asked.number) if is_current else None
        if round_ is None or shard is None:
            logs.fact("shard.obsolete", kind=asked.kind, shard=asked.number)
            return
        standings = await self._bookkeeping.standings()
        view = self._views.of(round_, rules, standings)
        deadline = Deadline(self._tools.clock, self._tools.settings.reconcile_budget.total_seconds())
        swept = await self._sweep_shard(view, shard, deadline)
        if swept is not None and not swept.is_done:
            await self._sharer.send_again(message)
            return
        await self._conclude(round_, view)

    async def _activated(
        self, rules: Rules, standings: Mapping[str, Standing], now: datetime
    ) -> Mapping[str, Standing]:
        """Return all standings after each new rule's first sight has been recorded."""
        new = {rule.ledger_name: rule for rule in rules if rule.enabled and rule.ledger_name not in standings}
        activated = await self._bookkeeping.activate_all(list(new), now)
        for name, standing in activated.items():
            if standing.baseline == now:
                logs.fact("rule.activated", rule=new[name].name, baseline=standing.baseline)
        return {**standings, **activated}

    async def _round(self, kind: Kind, occasion: _Occasion) -> Round | None:
        """Return the round that goes on, a new one when one is due, else None."""
        rules, now = occasion.rules, occasion.now
        last = await self._tools.rounds.current(kind)
        if last is not None and last.concluded_at is None:
            if last.fingerprint == rules.fingerprint:
                return last
            logs.fact("round.abandoned", kind=kind, reason="the rules have changed")
        elif kind is Kind.DEEP:
            since = last.started_at if last else min(standing.baseline for standing in occasion.standings.values())
            if now < since + self._tools.settings.sweep_deep_every:
                return None
        opened = await self._opener.open(kind, rules, last, now)
        is_large = last is not None and last.listed > self._tools.settings.sweep_queue_above
        return await self._sharer.send(opened) if opened is not None and is_large else opened

    async def _go_on(self, round_: Round, view: View, deadline: Deadline) -> RoundReport:
        now = self._tools.clock.now()
        waited = now - round_.sent_at if round_.sent_at is not None else None
        if waited is not None and waited >= SENT_AGAIN_AFTER:
            round_ = await self._sharer.send(round_)
        shards = await self._tools.rounds.shards(round_)
        if waited is not None and waited < LEFT_TO_THE_QUEUE:
            # The others have a message that will be taken; the message of a dead worker stays hidden for long.
            shards = [shard for shard in shards if shard.is_abandoned(now)]
        await self._sweep_shards(view, shards, deadline)  # late, the passes alone must be enough
        found = await self._conclude(round_, view)
        unfinished = round_.sent_at is None and found.done < found.shards
        if unfinished and found.listed > self._tools.settings.sweep_queue_above:
            return replace(found, round=replace(await self._sharer.send(round_), listed=found.listed))
        return found

    async def _sweep_shards(self, view: View, shards: Sequence[Shard], deadline: Deadline) -> None:
        async def one(number: int, shard: Shard) -> None:
            # Also a pass that comes late to its sweep must move it on by a page.
            if number < CONCURRENCY or not deadline.passed():
                await self._sweep_shard(view, shard, deadline)

        waiting = [shard for shard in shards if not shard.is_done]
        await all_done((one(number, shard) for number, shard in enumerate(waiting)), CONCURRENCY)

    async def _sweep_shard(self, view: View, shard: Shard, deadline: Deadline) -> Shard | None:
        """Sweep a shard; None when it is done already or somebody else has it."""
        taken = await self._tools.rounds.take(shard, self._tools.clock.now())
        if taken is None:
            return None
        try:
            return await ShardSweep(view, taken, self._tools).run(deadline)
        except LedgerConflict:
            logs.warning("sweep.overlapped", kind=shard.kind, shard=shard.number)
            return None

    async def _conclude(self, round_: Round, view: View) -> RoundReport:
        """Return how a round stands; when all of its shards are done, move what it proves and close it."""
        shards = await self._tools.rounds.shards(round_)
        found = report(view, round_, shards)
        is_broken = len(shards) < found.shards  # rows are gone: it proves nothing, see `report`
        if round_.concluded_at is not None or not (is_broken or await self._is_over(found)):
            return found
        standings = await self._bookkeeping.standings()  # read late: the other round may have moved them just now
        moved = proven(view, found, shards, standings, self._tools.settings)
        try:
            await self._bookkeeping.save_standings(moved)
            concluded_at = self._tools.clock.now()
            closed = await self._tools.rounds.save(round_, concluded_at=concluded_at, listed=found.listed)
        except LedgerConflict:
            logs.warning("sweep.overlapped", kind=round_.kind)
            return found
        self._views.forget(round_)
        if is_broken:
            logs.error("round.broken", kind=round_.kind, shards=found.shards, left=len(shards))
        found = replace(found, round=closed)
        _tell(found)
        return found

    async def _is_over(self, found: RoundReport) -> bool:
        """Tell whether all shards are done, and under these rules: claims are made under those of each moment."""
        return found.done == found.shards and (await self._rule_book.current()).fingerprint == found.round.fingerprint


def _is_current(round_: Round, round_id: str, rules: Rules) -> bool:
    return round_.id == round_id and round_.concluded_at is None and round_.fingerprint == rules.fingerprint


def _tell(found: RoundReport) -> None:
    if found.round.kind == Kind.DEEP or found.round.sent_at:  # a pass tells of its own quick round
        logs.fact(
            "round.concluded",
            kind=found.round.kind,
            started_at=found.round.started_at,
            shards=found.shards,
            listed=found.listed,
            failures=len(found.failures),
        )
    for sweep in found.sweeps:
        if sweep.is_news or not sweep.complete:
            logs.fact("sweep.found", rule=sweep.rule, kind=found.round.kind, **sweep.as_json())
