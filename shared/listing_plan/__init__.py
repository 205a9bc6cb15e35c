"""What a sweep lists: for each container the fewest names that hold every blob a rule may want.

A listing is ordered by name and cannot ask for what is new
(https://learn.microsoft.com/rest/api/storageservices/enumerating-blob-resources), so that it costs what lies below its
prefix, whatever the age. Where a rule's paths have a date near their beginning, a look-back of two days is a few
prefixes instead of all that ever landed.

The date of a path is not the time at which its file landed: the file for last month may land today. So there are two
plans. `quick` lists the dates of the look-back only; `deep` lists all dates. A rule that `is_pruned` needs both.

Bottom-up: `window` is the time looked back over, `dates` are the texts that dates of it can have, `beginning` is what a
rule says of the beginnings of its paths, `places` is where it looks for them in the window, `plan` is all rules
together, and `shards` are the parts of one listing.
"""

from __future__ import annotations

from shared.listing_plan.places import Limits, Place
from shared.listing_plan.plan import Kind, Listing, ListingPlan, RulePlaces, plan_listings
from shared.listing_plan.shards import Shard, lies_within, passes, shards_of
from shared.listing_plan.window import EVERYWHERE, UTC_ONLY, Window, Zones

__all__ = [
    "EVERYWHERE",
    "UTC_ONLY",
    "Kind",
    "Limits",
    "Listing",
    "ListingPlan",
    "Place",
    "RulePlaces",
    "Shard",
    "Window",
    "Zones",
    "lies_within",
    "passes",
    "plan_listings",
    "shards_of",
]
