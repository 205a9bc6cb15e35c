"""What a task prints, without its secrets."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from localdev.workspace.child.output_filter import Filter, patterns

WORDS = st.text("abc", min_size=1, max_size=5)


def filtered(secrets: list[str], pieces: list[bytes]) -> bytes:
    """Return what a filter shows of pieces of output."""
    filtering = Filter()
    for secret in secrets:
        filtering.hide(secret)
    return b"".join([*(filtering.take(piece) for piece in pieces), filtering.rest()])


@given(st.lists(WORDS, min_size=1, max_size=3), st.text("abcd\n", max_size=60), st.lists(st.integers(0, 60)))
def test_pieces_do_not_matter(secrets: list[str], text: str, cuts: list[int]) -> None:
    """However output comes, what is shown is the same as if it had come at once: the longest secret first."""
    data, ends = text.encode(), sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [data[start:end] for start, end in pairwise(ends)]

    shown = filtered(secrets, pieces)

    at_once = re.sub("|".join(map(re.escape, patterns(secrets))), "[REDACTED]", text)
    assert shown.decode() == at_once


@given(st.lists(WORDS, min_size=1, max_size=3), st.text("abc", max_size=30))
def test_only_beginnings_of_secrets_wait(secrets: list[str], text: str) -> None:
    """Output is seen at once, but for what may still become a secret."""
    filtering = Filter()
    for secret in secrets:
        filtering.hide(secret)
    shown = filtering.take(f"{text}d".encode())

    held = filtering.rest()

    assert held == b""
    assert shown == filtered(secrets, [text.encode()]) + b"d"


def test_lines_of_a_secret_are_secret() -> None:
    """A certificate is not shown line by line either."""
    secret = "-----BEGIN-----\r\nfirst\n\n  second  \n"

    assert filtered([secret], [secret.encode()]) == b"[REDACTED]"
    assert filtered(["{\n  canary\n}\n"], [b"{canary}"]) == b"{[REDACTED]}"
    assert filtered([secret], [b"a first, a second, BEGIN"]) == b"a [REDACTED], a [REDACTED], BEGIN"
