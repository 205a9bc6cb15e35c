"""What happened, in order: for people when a check fails, and as a digest that repeats with its seed."""

from __future__ import annotations

import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LONGEST = 200_000  # happenings; of a longer history the last ones are kept
MOST_VIOLATIONS = 50  # of one history; one is bad enough


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken."""

    check: str  # lost, double, stuck, wrong, unmarked, proof, slow, dropped, refired, cap or crashed
    message: str
    path: str = ""  # container/path of the file
    at: float = 0.0  # virtual seconds

    def __str__(self) -> str:
        return f"[{self.check}] at {self.at:.3f} s: {self.path!r}: {self.message}"


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened."""

    at: float
    who: str
    what: str
    subject: str  # a file's full path or an entry's key, "" for what concerns everything
    details: object

    def __str__(self) -> str:
        return f"{self.at:12.3f}  {self.who:<8} {self.what:<28} {self.subject[:80]!r} {self.details or ''}"


class History:
    """Records happenings and violations."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._happenings: deque[tuple[float, str, str, str, object]] = deque(maxlen=LONGEST)
        self._digest = 0
        self.hits: Counter[str] = Counter()  # how often each fault and each kind of work took place
        self.violations: list[Violation] = []
        self.counts: Counter[str] = Counter()  # violations by check, also those that are not kept

    def record(self, who: str, what: str, subject: str = "", details: object = None) -> None:
        """Record that something happened just now."""
        now = self._now()
        self._happenings.append((now, who, what, subject, details))
        self._digest = zlib.crc32(f"{now!r}{who}{what}{subject}".encode("utf-8", "backslashreplace"), self._digest)

    def violated(self, check: str, message: str, path: str = "") -> None:
        """Record that a promise was broken."""
        self.counts[check] += 1
        if len(self.violations) < MOST_VIOLATIONS:
            self.violations.append(Violation(check, message, path, self._now()))
        self.record("checker", f"VIOLATION {check}", path, message)

    @property
    def digest(self) -> str:
        """Return what two histories have in common only if they are the same."""
        return f"{self._digest:08x}"

    def of(self, subjects: frozenset[str]) -> Iterator[Happening]:
        """Yield what is kept of some subjects and of what concerned everything, in order; nothing given: all."""
        for happening in self._happenings:
            if not subjects or not happening[3] or happening[3] in subjects:
                yield Happening(*happening)
