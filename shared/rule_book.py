"""The rules in force: shipped with the app, or kept in a blob and read again when it changes.

A new version that is wrong is refused and the last good one stays; status says so. The last good text is kept in the
ledger too, so that a new instance starts with it and not with the wrong one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared import logs
from shared.clock import Clock
from shared.errors import BlobsUnavailable, LedgerError, RulesError
from shared.ledger import Bookkeeping
from shared.rules import Rules
from shared.rules_file import parse_rules
from shared.rules_source import RulesSource, RulesText

LONGEST_PROBLEM = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class RulesStanding:
    """What is in force, and what is wrong with the version that is not."""

    source: str
    version: str = ""
    loaded_at: datetime | None = None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        loaded_at = self.loaded_at.isoformat(timespec="milliseconds") if self.loaded_at else None
        return {
            "source": self.source,
            "version": self.version or None,
            "loaded_at": loaded_at,
            "problem": self.problem or None,
        }


class RuleBook(Protocol):
    """Gives the rules in force."""

    async def current(self) -> Rules:
        """Return the rules in force; raises RulesError or BlobsUnavailable while there are none at all."""

    @property
    def standing(self) -> RulesStanding:
        """Return what is in force, and what is wrong."""


class ShippedRules:
    """Rules that came with the app and stay as they are."""

    def __init__(self, rules: Rules, source: str) -> None:
        self._rules = rules
        self._source = source

    async def current(self) -> Rules:
        """Return the rules."""
        return self._rules

    @property
    def standing(self) -> RulesStanding:
        """Return where they came from."""
        return RulesStanding(source=self._source)


class FollowedRules:
    """Rules that are read again from their source when they are older than `refresh`."""

    def __init__(self, source: RulesSource, bookkeeping: Bookkeeping, clock: Clock, refresh: timedelta) -> None:
        self._source = source
        self._bookkeeping = bookkeeping
        self._clock = clock
        self._refresh = refresh.total_seconds()
        self._rules: Rules | None = None
        self._standing = RulesStanding(source=source.name)
        self._seen = ""  # the version that was read last, good or bad
        self._next_look = 0.0
        self._looking = asyncio.Lock()

    @property
    def standing(self) -> RulesStanding:
        """Return what is in force, and what is wrong with the version that is not."""
        return self._standing

    async def current(self) -> Rules:
        """Return the rules in force, after a look at their source where it is time for one.

        Only one caller looks; the others go on with what is in force. Raises RulesError or BlobsUnavailable while
        there has never been a good version.
        """
        if self._rules is not None and (self._clock.monotonic() < self._next_look or self._looking.locked()):
            return self._rules
        async with self._looking:
            if self._rules is None or self._clock.monotonic() >= self._next_look:
                await self._look()
                self._next_look = self._clock.monotonic() + self._refresh
        if self._rules is None:
            raise BlobsUnavailable(f"The rules of {self._source.name} could not be read.")
        return self._rules

    async def _look(self) -> None:
        try:
            # Without rules in force a bad version is read, and told, each time.
            found = await self._source.read(self._seen if self._rules is not None else "")
            if found is not None:
                await self._take(found)
        except (BlobsUnavailable, RulesError) as error:
            self._standing = replace(self._standing, problem=str(error)[:LONGEST_PROBLEM])
            if self._rules is None:
                await self._fall_back(error)

    async def _take(self, found: RulesText) -> None:
        self._seen = found.version
        try:
            rules = parse_rules(found.text, self._source.name)
        except RulesError as error:
            logs.error("rules.refused", source=self._source.name, version=found.version, reason=error)
            raise
        self._put_in_force(rules, found.version)
        logs.fact("rules.loaded", source=self._source.name, version=found.version, rules=len(rules))
        try:
            await self._bookkeeping.save_rules(found.text, found.version)
        except LedgerError as error:
            logs.warning("rules.unsaved", source=self._source.name, reason=error)

    async def _fall_back(self, error: BlobsUnavailable | RulesError) -> None:
        """Put the last good version in force that any instance has seen; raise what is wrong when there is none."""
        try:
            kept = await self._bookkeeping.last_rules()
        except LedgerError:
            kept = None
        if kept is None:
            raise error
        text, version = kept
        self._put_in_force(parse_rules(text, self._source.name), version, problem=str(error)[:LONGEST_PROBLEM])
        logs.warning("rules.kept", source=self._source.name, version=version, reason=error)

    def _put_in_force(self, rules: Rules, version: str, *, problem: str = "") -> None:
        self._rules = rules
        self._standing = RulesStanding(
            source=self._source.name, version=version, loaded_at=self._clock.now(), problem=problem
        )
