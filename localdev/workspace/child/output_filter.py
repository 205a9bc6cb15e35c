"""Copies a task's output to its file and leaves out the secrets; a program of its own, see redaction.py.

It holds back only what may be the beginning of a secret, so that what is printed is seen at once. Its standard input
are messages, one JSON object a line, each answered by an empty line: {"hide": "…"} and {"flush": true}.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
from collections.abc import Iterable

HIDDEN = "[REDACTED]"
SHORTEST_LINE = 4  # characters


def patterns(secrets: Iterable[str]) -> list[str]:
    """Return what has to be looked for, the longest first: each secret, and each line of one that has several.

    Lines of a few characters, such as the braces of a key in JSON, tell nothing and would hide half of the output.
    """
    found = set()
    for secret in secrets:
        lines = (line.strip() for line in secret.splitlines())
        found.update([secret, secret.strip(), *(line for line in lines if len(line) >= SHORTEST_LINE)])
    return sorted(filter(None, found), key=lambda pattern: (-len(pattern), pattern))


class Filter:
    """The secrets known so far, and the end of the output that may be the beginning of one."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._patterns: list[bytes] = []
        self._any: re.Pattern[bytes] | None = None
        self._held = b""

    def hide(self, secret: str) -> None:
        """Leave a secret out from now on."""
        self._secrets.add(secret)
        self._patterns = [pattern.encode(errors="replace") for pattern in patterns(self._secrets)]
        self._any = re.compile(b"|".join(map(re.escape, self._patterns))) if self._patterns else None

    def take(self, data: bytes) -> bytes:
        """Return what can be shown after these bytes have come."""
        text, shown, position = self._held + data, [], 0
        while True:
            held = self._held_from(text, position)
            found = self._any.search(text, position) if self._any is not None else None
            if found is None or found.start() >= held:  # a longer secret may begin where a shorter one is
                break
            shown += [text[position : found.start()], HIDDEN.encode()]
            position = found.end()
        self._held = text[held:]
        return b"".join([*shown, text[position:held]])

    def rest(self) -> bytes:
        """Return what was held back, because nothing follows now."""
        held, self._held = self._held, b""
        return held if self._any is None else self._any.sub(HIDDEN.encode(), held)

    def _held_from(self, text: bytes, position: int) -> int:
        """Return where the last bytes begin that are the beginning, but not the whole, of a secret."""
        longest = max((_overlap(text[position:], pattern) for pattern in self._patterns), default=0)
        return len(text) - longest


def _overlap(text: bytes, pattern: bytes) -> int:
    """Return how many bytes at the end of a text are the beginning, but not the whole, of a pattern."""
    longest = min(len(text), len(pattern) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(pattern[:size])), 0)


def main() -> None:
    """Copy until the output's other end is closed everywhere."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it outlives whoever is asked to end, to show the last words
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, target = int(sys.argv[1]), int(os.environ["LANDFALL_OUTPUT"])
    os.set_blocking(source, False)
    filtering, waiting = Filter(), [source, 0]
    while source in waiting:
        ready, _, _ = select.select(waiting, [], [])
        if 0 in ready and not _message(filtering, source, target):
            waiting.remove(0)
        if source in ready and not _copy(filtering, source, target):
            waiting.remove(source)
    _write(target, filtering.rest())


def _message(filtering: Filter, source: int, target: int) -> bool:
    """Act on a message; return whether there may be more."""
    line = sys.stdin.buffer.readline()
    if not line:
        return False
    message = json.loads(line)
    if "hide" in message:
        filtering.hide(message["hide"])
    else:
        _copy(filtering, source, target)
        _write(target, filtering.rest())
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
    return True


def _copy(filtering: Filter, source: int, target: int) -> bool:
    """Copy what is there; return whether there may be more."""
    while True:
        try:
            data = os.read(source, 65536)
        except BlockingIOError:
            return True
        if not data:
            return False
        _write(target, filtering.take(data))


def _write(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]


if __name__ == "__main__":
    main()
