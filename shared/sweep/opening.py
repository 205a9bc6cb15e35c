"""Begin a round: plan what to list, cut it into shards, and write both down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from shared import logs
from shared.errors import BlobsUnavailable, LedgerError
from shared.landing import Landing
from shared.ledger import Round, Rounds
from shared.ledger.rounds import round_id
from shared.listing_plan import Kind, ListingPlan
from shared.rules import Rules
from shared.settings import Settings
from shared.sweep.cutting import cut, seen_before
from shared.sweep.view import plan_of


class Opener:
    """Begins rounds."""

    def __init__(self, *, rounds: Rounds, landing: Landing, settings: Settings, new_id: Callable[[], str]) -> None:
        self._rounds = rounds
        self._landing = landing
        self._settings = settings
        self._new_id = new_id

    async def open(self, kind: Kind, rules: Rules, former: Round | None, now: datetime) -> Round | None:
        """Write a new round in the place of the former one; None when somebody else has done so meanwhile.

        `now` is the storage service's time. Raises LedgerError. Containers that cannot be listed leave out the rules
        that name theirs by a pattern, and no others.
        """
        plan = plan_of(rules, now, self._settings)
        containers, failure = await self._containers(plan)
        listings = plan.listings(kind, containers)
        seen = seen_before(await self._rounds.shards(former)) if former else {}
        new_id = round_id(now, self._new_id())
        shards = cut(listings, seen, kind, new_id)
        opened = Round(kind=kind, id=new_id, fingerprint=rules.fingerprint, started_at=now, containers_failure=failure)
        started = await self._rounds.start(opened, shards, former)
        if started is not None:
            await self._forget_former(started)
        return started

    async def _forget_former(self, started: Round) -> None:
        try:
            await self._rounds.forget_former(started)
        except LedgerError as error:  # the next round forgets them too
            logs.warning("round.former_kept", kind=started.kind, reason=error)

    async def _containers(self, plan: ListingPlan) -> tuple[list[str], str]:
        found: set[str] = set()
        try:
            for prefix in plan.container_prefixes:
                found |= set(await self._landing.containers(prefix))
        except BlobsUnavailable as error:
            logs.error("sweep.containers_failed", reason=error)
            return [], str(error)[:300]
        return sorted(found), ""
