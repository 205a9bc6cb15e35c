"""The cashier: fills an instance's wallets out of the ledger's budgets, for all of its tasks that wait at once.

Every write is by ETag, so that what is given out never exceeds the limit. An answer that was lost gives out nothing:
what it may have taken is not used, and counts until it is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from shared.clock import Clock
from shared.errors import LedgerConflict
from shared.ledger import Budget, Budgets
from shared.limits.wallet import Block, Wallet
from shared.limits.windows import free, free_again_at, granted, queued, returned

# Each round loses against another instance.
ROUNDS = 8
_T = TypeVar("_T")


class Cashier:
    """Gets permits and places from the ledger."""

    def __init__(self, budgets: Budgets, clock: Clock) -> None:
        self._budgets = budgets
        self._clock = clock

    async def permit(self, wallet: Wallet) -> Block | None:
        """Take a permit, out of the ledger where none is in hand; None when the limit is reached.

        Then the wallet knows until when. Raises LedgerError.
        """
        wallet.waiting += 1
        try:
            async with wallet.lock:
                block = wallet.take(self._clock.now())
                if block is None and not wallet.is_exhausted(self._clock.now()):
                    await self._fetch_permits(wallet)
                    block = wallet.take(self._clock.now())
                return block
        finally:
            wallet.waiting -= 1

    async def place(self, wallet: Wallet) -> datetime:
        """Take a place in a wallet's line and return when it is due. Raises LedgerError."""
        wallet.waiting += 1
        try:
            async with wallet.lock:
                due_at = wallet.take_place(self._clock.now())
                if due_at is None:
                    await self._fetch_places(wallet)
                    due_at = wallet.take_place(self._clock.now())
                return due_at or self._clock.now()
        finally:
            wallet.waiting -= 1

    async def stretch_line(self, wallet: Wallet, least: timedelta, most: timedelta) -> None:
        """Write down, once in a while, that the line ends no earlier than `least` from now. Raises LedgerError."""
        async with wallet.lock:
            if not wallet.line_reaches(self._clock.now() + least):
                await self._change(
                    wallet,
                    lambda budget, now: (replace(budget, queue_end=max(now + most, budget.queue_end or now)), None),
                )

    async def end_line(self, wallet: Wallet) -> None:
        """Write down that nobody waits any more: then what is new need not go to the end. Raises LedgerError."""
        async with wallet.lock:
            await self._change(wallet, lambda budget, _: (replace(budget, queue_end=None), None))

    async def _fetch_permits(self, wallet: Wallet) -> None:
        unused = wallet.take_out_unused(self._clock.now())
        most = wallet.next_size(sum(unused.values()))

        def give_out(budget: Budget, now: datetime) -> tuple[Budget, int]:
            budget = returned(budget, unused)
            permits = min(most, free(budget, wallet.limit, now))
            return (granted(budget, wallet.limit, now, permits) if permits else budget), permits

        budget, permits, now = await self._change(wallet, give_out)
        if permits:
            wallet.put_in(budget.grants[-1].at, now, permits)
        else:
            wallet.exhausted_until = free_again_at(budget, wallet.limit, now)

    async def _fetch_places(self, wallet: Wallet) -> None:
        places = wallet.next_places(self._clock.now())
        _, first, now = await self._change(wallet, lambda budget, now: queued(budget, wallet.limit, now, places))
        wallet.put_in_places(first, now, places)

    async def _change(
        self, wallet: Wallet, change: Callable[[Budget, datetime], tuple[Budget, _T]]
    ) -> tuple[Budget, _T, datetime]:
        """Change a budget by ETag; return it as stored, what the change gives, and the moment that it was made for.

        What this instance has seen last is tried first, and read anew where that is no longer so, or where it gives
        nothing: permits may have come back.
        """
        seen, wallet.budget = wallet.budget, None
        for _ in range(ROUNDS):
            is_fresh = seen is None
            budget = seen or await self._budgets.read(wallet.scope)
            seen = None
            # The moment is taken after the budget was read: what was given out before counts.
            now = self._clock.now()
            changed, given = change(budget, now)
            if changed == budget and not is_fresh:
                continue
            try:
                limited = replace(changed, limit=wallet.limit)
                wallet.budget = budget if changed == budget else await self._budgets.write(limited)
            except LedgerConflict:
                continue
            return wallet.budget, given, now
        raise LedgerConflict(f"Other instances kept changing the budget {wallet.scope!r}.")
