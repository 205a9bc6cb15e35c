"""The parts of one listing, so that several workers go through it at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.listing_plan.plan import Listing


@dataclass(frozen=True, slots=True)
class Shard:
    """The names of a listing from `start_from` on and before `end_before`; "" stands for no bound.

    `start_from` is List Blobs' own parameter and includes that name
    (https://learn.microsoft.com/dotnet/api/azure.storage.blobs.models.getblobsbyhierarchyoptions.startfrom). Its
    counterpart for the end is only known where the answer is Arrow
    (https://github.com/Azure/azure-sdk-for-python/releases/tag/azure-storage-blob_12.31.0b1), and Azurite ignored both
    in some versions: ask `holds` of each name, and stop at the first that `passes` the end.
    """

    listing: Listing
    start_from: str
    end_before: str

    def holds(self, name: str) -> bool:
        """Tell whether a blob of the listing is in this shard; of all shards of a listing, at least one says so."""
        return name.startswith(self.listing.prefix) and lies_within(name, self.start_from, self.end_before)


def lies_within(name: str, start_from: str, end_before: str) -> bool:
    """Tell whether a name is between two bounds in one order at least that a listing may have; "" is no bound."""
    return _reaches(name, start_from) and not passes(name, end_before)


def _reaches(name: str, bound: str) -> bool:
    """Tell whether a name is a bound or comes after it in one order at least that a listing may have.

    Listings are in alphabetical order, it is documented
    (https://learn.microsoft.com/rest/api/storageservices/enumerating-blob-resources); nothing tells whether that is the
    order of whole names or, with a hierarchical namespace, that of folder by folder, where `a/b` comes before `a-b`. So
    a shard is sure of a name only where both orders agree, and the few others are in two shards.
    """
    return name >= bound or _by_folder(name) >= _by_folder(bound)


def passes(name: str, bound: str) -> bool:
    """Tell whether a name, and with it all that a listing gives after it, is behind a bound; "" is no bound."""
    return bound != "" and name >= bound and _by_folder(name) >= _by_folder(bound)


def _by_folder(name: str) -> str:
    return name.replace("/", "\0")


def shards_of(listing: Listing, boundaries: Iterable[str], most: int) -> tuple[Shard, ...]:
    """Return the listing in at most `most` shards, in order, cut at some of the boundaries.

    Boundaries are names, such as each ten-thousandth of the last listing; of too many, those are taken that are evenly
    apart among them. Whatever they are, the shards hold all of the listing: old ones only make uneven shards.

    A boundary is shortened to what is ASCII in it behind the listing's prefix. Services sort by different units (UTF-16
    in Azurite, code points here), which disagree on emoji, and all agree on which side of an ASCII text a name is.
    """
    if most < 1:
        raise ValueError(f"A listing has at least one shard; {most} were asked for.")
    cuts = sorted({cut for boundary in boundaries if (cut := _cut(listing.prefix, boundary))})
    if len(cuts) >= most:
        cuts = [cuts[(index + 1) * len(cuts) // most] for index in range(most - 1)]
    starts, ends = ["", *cuts], [*cuts, ""]
    return tuple(Shard(listing, start, end) for start, end in zip(starts, ends, strict=True))


def _cut(prefix: str, boundary: str) -> str:
    """Return where a boundary cuts the names of a prefix, "" where it does not."""
    if not boundary.startswith(prefix):
        return ""
    behind = boundary[len(prefix) :]
    ascii_part = next((behind[:index] for index, letter in enumerate(behind) if not letter.isascii()), behind)
    return prefix + ascii_part if ascii_part else ""
