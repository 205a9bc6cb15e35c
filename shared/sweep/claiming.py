"""Claim what a page holds and the ledger does not know, through the same line as events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared import logs
from shared.clock import Clock, Deadline
from shared.errors import BlobsUnavailable, LedgerUnavailable
from shared.intake import Intake
from shared.landing import Landing, still_changing
from shared.ledger import Claim, Claimed
from shared.model import Result, State
from shared.redaction import told
from shared.sweep.judging import Candidate, Findings, taken_by
from shared.sweep.view import View
from shared.together import all_done

CONCURRENCY = 8
MOST_REFUSED = 10  # then it is no matter of single files any more


class Claimant:
    """Claims candidates."""

    def __init__(self, intake: Intake, landing: Landing, clock: Clock) -> None:
        self._intake = intake
        self._landing = landing
        self._clock = clock

    async def claim(
        self, view: View, candidates: Sequence[Candidate], until: datetime, deadline: Deadline, findings: Findings
    ) -> None:
        """Claim candidates and count what came of them; past the deadline nothing is started, only claimed.

        What one file meets is logged, and it is left for a later round: a ledger that fails now and then must not
        cost the files beside it their turn. Raises BlobsUnavailable or LedgerUnavailable when of MOST_REFUSED files
        not one could be looked up and claimed.
        """
        refusals: list[BlobsUnavailable | LedgerUnavailable] = []
        done = 0

        async def one(candidate: Candidate) -> None:
            nonlocal done
            if not done and len(refusals) >= MOST_REFUSED:
                return
            try:
                await self._claim(view, candidate, until, deadline, findings)
                done += 1
            except Exception as error:  # noqa: BLE001 - what one file meets must not hold up the others
                _leave(candidate, error, findings)
                if isinstance(error, BlobsUnavailable | LedgerUnavailable):
                    refusals.append(error)

        await all_done((one(candidate) for candidate in candidates), CONCURRENCY)
        if not done and len(refusals) >= MOST_REFUSED:
            raise refusals[0]

    async def _claim(
        self, view: View, candidate: Candidate, until: datetime, deadline: Deadline, findings: Findings
    ) -> None:
        name = candidate.rule.ledger_name
        other = await taken_by(view, candidate)
        if other:
            findings.count(name, "elsewhere")
            return
        # The page may be old by now: what counts is the version that is there.
        current = await self._landing.identify(candidate.arrival)
        if current is None:
            logs.fact("arrival.vanished", path=candidate.arrival.full_path)
            findings.count(name, "gone")
            return
        if current.committed_at > until:
            findings.leave(name, "early", current.committed_at)
            return
        if still_changing(current, self._clock.now()):
            findings.leave(name, "unfinished", current.committed_at)
            return
        claims = await self._intake.accept(current, deadline, only=name)
        if not claims:
            findings.count(name, "unwanted")  # the rules have changed meanwhile, or the blob has
        for claim in claims:
            _count(claim, name, findings)


def _leave(candidate: Candidate, error: Exception, findings: Findings) -> None:
    reason = told(error)
    logs.error("sweep.file_failed", path=candidate.arrival.full_path, reason=reason)
    findings.leave(candidate.rule.ledger_name, "failed", candidate.arrival.committed_at)


def _count(claim: Claim, name: str, findings: Findings) -> None:
    """Count a claim: only what an event should have claimed is a missed event."""
    if claim.outcome is Claimed.DUPLICATE:
        findings.count(name, "known")
        return
    if claim.entry.result is not None:
        findings.count(name, str(claim.entry.result))
    if claim.entry.result not in {Result.TOUCHED, Result.SUPERSEDED}:
        findings.count(name, "missed")
    if claim.entry.state is State.SUBMITTED:
        findings.count(name, "fired")
