"""A slow and obvious matcher of path templates, and random templates and paths to hold the real one against it.

It knows nothing of the parser, of regular expressions or of RE2: it tries every way to divide the path, the leftmost
taking as much as it can first, and takes the first way that works.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import strategies as st

LETTERS = "ab0.é\n"
WORDS = ("a", "ab", "b0")


@dataclass(frozen=True)
class Token:
    """One construct: its kind, how a template spells it, and the name of what it captures."""

    kind: str
    spelt: str
    name: str = ""

    @property
    def is_open(self) -> bool:
        """Tell whether the language wants something definite beside it."""
        return self.kind in {"star", "text", "int", "path"}


@dataclass(frozen=True)
class Sample:
    """A template that is in order, as tokens and as text."""

    tokens: tuple[Token, ...]
    text: str


def literal(text: str) -> Token:
    """Return the token of literal text."""
    return Token("literal", text)


SLASH = literal("/")
ANY_SEGMENTS = Token("segments", "**/")
REST = Token("rest", "**")


def reference_match(tokens: tuple[Token, ...], path: str) -> dict[str, str] | None:
    """Return what the tokens capture from a path, or None."""
    captures = next(_solutions(tokens, path), None)
    if captures is None:
        return None
    hours = {token.name for token in tokens if token.kind == "hour"}
    return None if any(int(captures[name]) > 23 for name in hours) else captures


def _solutions(tokens: tuple[Token, ...], path: str) -> Iterator[dict[str, str]]:
    if not tokens:
        if not path:
            yield {}
        return
    first, *rest = tokens
    for taken in _options(first, path):
        for others in _solutions(tuple(rest), path[len(taken) :]):
            yield {first.name: taken, **others} if first.name else others


def _options(token: Token, path: str) -> list[str]:
    """Return what a token can take from the start of a path, in the order of preference."""
    longest_first = [path[:length] for length in range(len(path), -1, -1)]
    within_segment = [taken for taken in longest_first if "/" not in taken]
    digits = [taken for taken in longest_first if taken and set(taken) <= set("0123456789")]
    return {
        "literal": [token.spelt] if path.startswith(token.spelt) else [],
        "star": within_segment,
        "one": [taken for taken in within_segment if len(taken) == 1],
        "segments": [taken for taken in longest_first if not taken or taken.endswith("/")],
        "rest": [path] if path else [],
        "text": [taken for taken in within_segment if taken],
        "path": [taken for taken in longest_first if taken],
        "int": [taken for taken in digits if len(taken) <= 18],
        "hour": [taken for taken in digits if len(taken) == 2],
        "choice": [word for word in WORDS if path.startswith(word)],
    }[token.kind]


def _tokens() -> st.SearchStrategy[Token]:
    name = "NAME"
    return st.one_of(
        st.text(LETTERS.replace("\n", ""), min_size=1, max_size=2).map(literal),
        st.sampled_from(
            [
                Token("star", "*"),
                Token("one", "?"),
                Token("text", f"{{{name}}}", name),
                Token("path", f"{{{name}:**}}", name),
                Token("int", f"{{{name}:int}}", name),
                Token("hour", f"{{{name}:%H}}", name),
                Token("choice", f"{{{name}:{'|'.join(WORDS)}}}", name),
            ]
        ),
    )


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Draw a template that must be accepted."""
    segments = draw(st.lists(st.lists(_tokens(), max_size=3), min_size=1, max_size=4))
    tokens: list[Token] = []
    for index, segment in enumerate(segments):
        if index:
            tokens.append(SLASH)
        if not segment:
            # An empty list stands for `**`, which no other thing that crosses segments may be next to.
            tokens += [literal("a"), SLASH, ANY_SEGMENTS, literal("b")]
        for token in segment:
            if tokens and token.is_open and (tokens[-1].is_open or tokens[-1] == SLASH):
                tokens.append(literal("a"))
            tokens.append(token)
    tokens += [SLASH, *draw(st.sampled_from([(literal("a"),), (Token("one", "?"),), (literal("b"), SLASH, REST)]))]
    named = tuple(
        Token(token.kind, token.spelt.replace("NAME", f"n{index}"), token.name and f"n{index}")
        for index, token in enumerate(tokens)
    )
    return Sample(named, "".join(token.spelt for token in named))


@st.composite
def paths_for(draw: st.DrawFn, sample: Sample) -> str:
    """Draw a path that the template is likely to match, or one that is near it, or any."""
    parts = [draw(_text_for(token)) for token in sample.tokens]
    if draw(st.booleans()):
        index = draw(st.integers(0, len(parts) - 1))
        parts[index] = draw(st.text(LETTERS + "/", max_size=3))
    return "".join(parts) if draw(st.integers(0, 9)) else draw(st.text(LETTERS + "/", max_size=8))


def _text_for(token: Token) -> st.SearchStrategy[str]:
    anything = st.text(LETTERS, max_size=2)
    return {
        "literal": st.just(token.spelt),
        "star": anything,
        "one": st.text(LETTERS, min_size=1, max_size=1),
        "segments": st.lists(anything.map(lambda text: f"{text}/"), max_size=2).map("".join),
        "rest": st.text(LETTERS + "/", min_size=1, max_size=3),
        "text": st.text(LETTERS, min_size=1, max_size=2),
        "path": st.text(LETTERS + "/", min_size=1, max_size=3),
        "int": st.text("012", min_size=1, max_size=2),
        "hour": st.integers(0, 29).map("{:02}".format),
        "choice": st.sampled_from(WORDS),
    }[token.kind]
