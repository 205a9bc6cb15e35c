"""The limiter: every request that may start a run needs a permit of each limit that its rule is under.

So does its repetition: one whose outcome is unknown may start a run now. What is known to have started nothing gives
its permit back. Without a permit an entry takes a place in the line: it is due when, at the limit's pace, its turn
comes, and before that when there are permits after all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import logs
from shared.clock import Clock
from shared.errors import LedgerError
from shared.ledger import Budget, Budgets
from shared.limits.cashier import Cashier
from shared.limits.wallet import Block, Wallet
from shared.limits.windows import free
from shared.model import HELD_BACK
from shared.rule_book import RuleBook
from shared.rules import Limit, Per, Rules
from shared.settings import Settings

SERVICE = "*"  # no rule is called so
# While DISPATCH is off an entry is looked at so often; once it is on again, at once.
PAUSE = timedelta(hours=6)
_PAUSED = f"{SERVICE}|paused"
_PAUSE_NOTED_FOR = timedelta(minutes=10)
_PAUSE_REASON = f"{HELD_BACK}DISPATCH is off"


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to send one request, until a moment; a part of it of each limit."""

    blocks: tuple[Block, ...] = ()

    @property
    def until(self) -> datetime | None:
        """Return when it ends; None where there is no limit."""
        return min((block.until for block in self.blocks), default=None)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the line: when it is due, and what is waited for."""

    due_at: datetime
    reason: str


class Limiter:
    """Gives permits and places, as one instance. Rules go by their ledger names."""

    def __init__(self, *, budgets: Budgets, rule_book: RuleBook, clock: Clock, settings: Settings) -> None:
        self._budgets = budgets
        self._cashier = Cashier(budgets, clock)
        self._rule_book = rule_book
        self._clock = clock
        self.is_on = settings.dispatch_is_on
        most = settings.most_runs_per_hour
        self._service = Limit(most, Per.HOUR) if most else None
        self._rules = Rules(())  # as last seen
        self._wallets: dict[str, Wallet] = {}
        self._seen: dict[str, Budget] = {}  # of the last pass
        self._pause = Wallet(_PAUSED, Limit(1, Per.HOUR))  # it gives out places only

    async def load(self) -> None:
        """Read what all instances have given out, at the beginning of a pass.

        Raises LandfallError; for a damaged budget once the others are read, for it concerns its own rule only.
        """
        self._rules = await self._rule_book.current()
        self._seen, damaged = await self._budgets.all()
        now = self._clock.now()
        for scope, wallet in self._wallets.items():
            wallet.budget = None if scope in damaged else self._seen.get(scope, Budget(scope=scope))
            if wallet.budget and free(wallet.budget, wallet.limit, now):
                wallet.exhausted_until = None
        for error in damaged.values():
            raise error

    def is_closed(self, rule: str, *, waited: bool = False) -> bool:
        """Tell whether it is known, without asking anybody, that a rule gets no permit now.

        `waited`: for an entry that has a place in the line. Others do not go before it.
        """
        return not self.is_on or self._closed(rule, waited=waited) is not None

    def place_in_hand(self, rule: str) -> Place | None:
        """Return a place for a new entry of a rule that is closed, if that takes asking nobody."""
        now = self._clock.now()
        if not self.is_on:
            return Place(now + PAUSE, _PAUSE_REASON) if self._pause.line_reaches(now + PAUSE) else None
        wallet = self._closed(rule, waited=False)
        due_at = wallet.take_place(now) if wallet else None
        return Place(due_at, self._reason(wallet)) if wallet and due_at else None

    async def permit(self, rule: str, *, waited: bool = False) -> Permit | None:
        """Return a permit for a request of a rule; None when a limit is reached or dispatch is off.

        Raises LandfallError when neither can be known; then nothing may be sent.
        """
        self._rules = await self._rule_book.current()
        if self.is_closed(rule, waited=waited):
            return None
        permit = Permit()
        try:
            for wallet in self._wallets_of(rule):
                block = await self._cashier.permit(wallet)
                if block is None:
                    self._tell(rule, wallet)
                    break
                permit = Permit((*permit.blocks, block))
            else:
                return permit
        except LedgerError:
            self.give_back(permit)
            raise
        self.give_back(permit)
        return None

    def give_back(self, permit: Permit) -> None:
        """Take back a permit that started nothing for certain."""
        for block in permit.blocks:
            block.left += 1

    async def place(self, rule: str, *, waited: bool = False) -> Place:
        """Return a place in the line of what stops a rule now. Raises LedgerError."""
        now = self._clock.now()
        if not self.is_on:
            # Before any entry is held for it, so that the next pass after the pause looks for them.
            await self._cashier.stretch_line(self._pause, PAUSE, PAUSE + _PAUSE_NOTED_FOR)
            self._tell(rule, self._pause)
            return Place(now + PAUSE, _PAUSE_REASON)
        wallet = self._closed(rule, waited=waited) or next(iter(self._wallets_of(rule)), None)
        if wallet is None:
            return Place(now, f"{HELD_BACK}a limit that is gone meanwhile")
        return Place(await self._cashier.place(wallet), self._reason(wallet))

    def ahead(self, rule: str) -> int | None:
        """Return how many of a rule's entries that wait may be started now before they are due.

        None where nobody waits, as far as the last pass knows: then there is nothing to look for.
        """
        now = self._clock.now()
        scopes = [*(f"{rule}|{per}" for per in Per), f"{SERVICE}|{Per.HOUR}", _PAUSED]
        ends = [self._seen[scope].queue_end for scope in scopes if scope in self._seen]
        if not any(end is not None and end > now for end in ends):
            return None
        if not self.is_on:
            return 0
        most = 1_000_000
        for wallet in self._wallets_of(rule):
            budget = wallet.budget or self._seen.get(wallet.scope, Budget(scope=wallet.scope))
            most = min(most, wallet.left(now) + free(budget, wallet.limit, now))
        return most

    async def end_line(self, rule: str) -> None:
        """Take note that no entry of a rule waits any more. Raises LedgerError."""
        for wallet in self._rule_wallets(rule):
            if wallet.line_reaches(self._clock.now()):
                await self._cashier.end_line(wallet)

    def _closed(self, rule: str, *, waited: bool) -> Wallet | None:
        now = self._clock.now()
        for wallet in self._rule_wallets(rule):
            if wallet.is_exhausted(now) or (not waited and wallet.line_reaches(now)):
                return wallet
        service = self._service_wallet()
        return service if service and service.is_exhausted(now) else None

    def _wallets_of(self, rule: str) -> Iterator[Wallet]:
        yield from self._rule_wallets(rule)
        if service := self._service_wallet():
            yield service

    def _rule_wallets(self, ledger_name: str) -> Iterator[Wallet]:
        rule = self._rules.by_ledger_name(ledger_name)
        for limit in rule.limits if rule else self._former_limits(ledger_name):
            yield self._wallet(f"{ledger_name}|{limit.per}", limit)

    def _former_limits(self, ledger_name: str) -> Iterator[Limit]:
        """Yield the limits of a rule that is gone, or not known here yet: it must not set free what they hold back."""
        for per in Per:
            budget = self._seen.get(f"{ledger_name}|{per}")
            if budget is not None and budget.limit is not None:
                yield budget.limit

    def _service_wallet(self) -> Wallet | None:
        return self._wallet(f"{SERVICE}|{self._service.per}", self._service) if self._service else None

    def _wallet(self, scope: str, limit: Limit) -> Wallet:
        wallet = self._wallets.get(scope)
        if wallet is None:
            wallet = self._wallets[scope] = Wallet(scope, limit)
        elif wallet.limit != limit:  # the rules have changed; what was given out stays given out
            wallet.limit, wallet.exhausted_until = limit, None
        return wallet

    def _reason(self, wallet: Wallet) -> str:
        if wallet.scope.startswith(SERVICE):
            return f"{HELD_BACK}MOST_RUNS_PER_HOUR, {wallet.limit.words()} of all rules"
        return f"{HELD_BACK}the rule's limit of {wallet.limit.words()}"

    def _tell(self, rule: str, wallet: Wallet) -> None:
        """Log that a limit is reached, once in its length."""
        now = self._clock.now()
        if wallet.told_until is not None and wallet.told_until > now:
            return
        wallet.told_until = now + wallet.limit.per.length
        limit = "DISPATCH=off" if wallet is self._pause else str(wallet.limit)
        if wallet is self._service_wallet():
            limit = f"MOST_RUNS_PER_HOUR={wallet.limit.runs}"
        logs.warning("limit.reached", rule=rule, limit=limit, until=wallet.exhausted_until)
