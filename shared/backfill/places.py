"""Where a backfill lists: the places of its rules, all dates of them, as far as they lie below its prefix."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.landing import Landing
from shared.listing_plan import Kind, Listing, ListingPlan, Window, plan_listings
from shared.rules import Rule

# The date of a path is not when its file landed: a backfill looks at all dates, so that any window does.
_ANY = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, order=True, slots=True)
class BackfillPlace:
    """One listing of a backfill; of two of them none holds a name of the other."""

    container: str
    prefix: str


async def places_of(rules: Iterable[Rule], prefix: str, landing: Landing) -> tuple[BackfillPlace, ...]:
    """Return the places of the rules below a prefix (`container`, `container/beginning` or ""), sorted.

    Raises BlobsUnavailable: where a rule's container is a pattern, the account is asked which there are.
    """
    plan = plan_listings(rules, _ANY)
    container, _, beginning = prefix.partition("/")
    existing = [container] if container else await _existing(plan, landing)
    found = [_narrowed(listing, beginning) for listing in plan.listings(Kind.DEEP, existing)]
    return tuple(sorted(place for place in found if place is not None and container in {"", place.container}))


async def _existing(plan: ListingPlan, landing: Landing) -> list[str]:
    return [name for beginning in plan.container_prefixes for name in await landing.containers(beginning)]


def _narrowed(listing: Listing, beginning: str) -> BackfillPlace | None:
    """Return what a listing and a beginning of names have in common."""
    if listing.prefix.startswith(beginning):
        return BackfillPlace(listing.container, listing.prefix)
    if beginning.startswith(listing.prefix):
        return BackfillPlace(listing.container, beginning)
    return None
