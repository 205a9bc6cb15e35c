"""What really happened to every file, held by those who did it and never read from the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from shared.model import Arrival, entry_key
from tests.simulation.rule_texts import GATHERING_NAMES, LEDGER_NAMES, Document, parsed

_OF_CONTAINER = {
    "landing": ("crm", "erp", "audit", "rest", "added"),
    "inbox": ("dated", "quiet", "shadow"),
    "bulk": GATHERING_NAMES,
}
assert {name for names in _OF_CONTAINER.values() for name in names} == set(LEDGER_NAMES)


@dataclass(slots=True)
class Content:
    """What somebody committed at a path; touches give it further versions, an overwrite or a delete ends it."""

    number: int
    arrival: Arrival  # as it was committed: its first version
    committed: float  # virtual seconds
    has_md5: bool = True
    is_repeated: bool = False  # the same bytes as what it replaced
    is_moved: bool = False  # by a rename: an event without an ETag, and an old time
    is_far: bool = False  # its path names a date that only deep rounds list
    versions: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # of all its entries, whatever the rule
    gone_at: float | None = None  # when another version, or nothing, was in its place
    announced: float | None = None  # when its event was sent; None: lost
    attempts: int = 0  # deliveries that reached a door
    acknowledged: float | None = None
    document: int = 0  # the rules that were in force when it landed, by their number

    @property
    def full_path(self) -> str:
        """Return container/path."""
        return self.arrival.full_path


@dataclass(frozen=True, slots=True)
class Identity:
    """What an entry's key stands for."""

    rule: str
    content: Content
    version: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of gathered files, as its manifest said when it was sealed."""

    rule: str
    id: str
    arrival: Arrival
    members: tuple[tuple[str, int], ...]  # entries' keys and generations; none where it was given up


class Truth:
    """All contents, and all versions of the rules."""

    def __init__(self, now: Callable[[], float], document: Document) -> None:
        self._now = now
        self.contents: list[Content] = []
        self.current: dict[tuple[str, str], Content] = {}  # what lies there now, by container and path
        self.by_key: dict[str, Identity] = {}
        self.batches: dict[str, Batch] = {}  # by the key of the batch's entry
        self.batches_of: dict[str, list[Batch]] = {}  # by the key of a member's entry
        self.unclaimed: dict[int, Content] = {}  # those of `current` that have no entry at all
        self.documents: list[tuple[float, Document]] = [(0.0, document)]
        self.edited_until = -1e9  # when the last deploy of an edit had reached every instance
        self._oldest = 0  # number of the oldest rules that were in force when they were edited last
        self.replays: list[tuple[float, str]] = []  # when a person asked for one, and for which rule
        self.told: dict[str, set[str]] = {}  # by path: facts that say why an event starts nothing

    def commit(self, arrival: Arrival, **facts: bool) -> Content:
        """Record a new content; what lay in its place is gone."""
        place = (arrival.container, arrival.path)
        self.remove(*place)
        content = Content(len(self.contents), arrival, self._now(), document=self._oldest_in_force())
        for fact, is_so in facts.items():
            setattr(content, fact, is_so)
        self.contents.append(content)
        self.current[place] = content
        self.unclaimed[content.number] = content
        self._name(content, arrival)
        return content

    def touch(self, content: Content, arrival: Arrival) -> None:
        """Record another version of the same content."""
        self._name(content, arrival)

    def remove(self, container: str, path: str) -> Content | None:
        """Record that nothing lies at a path any more."""
        content = self.current.pop((container, path), None)
        if content is not None:
            content.gone_at = self._now()
            self.unclaimed.pop(content.number, None)
        return content

    def seal(self, batch: Batch) -> None:
        """Record a batch that was sealed."""
        key = entry_key(batch.rule, batch.arrival)
        self.batches[key] = batch
        for member, _ in batch.members:
            self.batches_of.setdefault(member, []).append(batch)
        content = Content(-1, batch.arrival, self._now(), versions=[batch.id], keys=[key])
        self.by_key[key] = Identity(batch.rule, content, batch.id)

    def with_batches(self, keys: Iterable[str]) -> Iterator[str]:
        """Yield the keys of all entries that a run may have been started for: these, and their batches'."""
        for key in keys:
            yield key
            for batch in self.batches_of.get(key, ()):
                yield entry_key(batch.rule, batch.arrival)

    def edit(self, document: Document, until: float) -> None:
        """Record that people want other rules from now on, and when every instance follows them."""
        self._oldest = self._oldest_in_force()
        self.documents.append((self._now(), document))
        self.edited_until = until

    def _oldest_in_force(self) -> int:
        """Return the number of the oldest rules that an instance may follow just now."""
        return self._oldest if self._now() < self.edited_until else len(self.documents) - 1

    def documents_since(self, number: int) -> Iterator[Document]:
        """Yield the rules from one version of them on."""
        for _, document in self.documents[number:]:
            yield document

    def lasting_rules(self, content: Content) -> set[str]:
        """Return the ledger names of all rules that have wanted a content from its commit until now."""
        wanted: set[str] | None = None
        for document in self.documents_since(content.document):
            names = {match.rule.ledger_name for match in parsed(document).match(content.arrival)}
            wanted = names if wanted is None else wanted & names
        return wanted or set()

    def _name(self, content: Content, arrival: Arrival) -> None:
        version = arrival.version or ""
        content.versions.append(version)
        for rule in _OF_CONTAINER[arrival.container]:
            key = entry_key(rule, arrival)
            content.keys.append(key)
            self.by_key[key] = Identity(rule, content, version)
