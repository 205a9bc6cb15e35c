"""Reads RE2's expressions into terms, as far as they say something about whole paths; refuses the rest.

What a match captures does not matter to a language, so greed is ignored, and a group is only its content.
https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn

from cli.rules.language.characters import ALL, LAST, Ranges, complement, ranges_of, union
from cli.rules.language.terms import Term, between, either, one_of, sequence
from cli.rules.language.undecided import NotUnderstood

# What a capturing group stands for, by its number (the first is 1) and by what is written in it.
Groups = Callable[[int, Term], Term]

_CLASSES: dict[str, Ranges] = {
    "d": ((0x30, 0x39),),
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
    "s": ranges_of("\t\n\f\r "),
}
_POSIX: dict[str, Ranges] = {
    "alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "blank": ranges_of("\t "),
    "digit": ((0x30, 0x39),),
    "lower": ((0x61, 0x7A),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ranges_of("\t\n\v\f\r "),
    "upper": ((0x41, 0x5A),),
    "word": _CLASSES["w"],
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
_CONTROLS = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_GROUP = re.compile(r"\((?:\?(?:(?P<plain>:)|P?<(?P<name>[A-Za-z_][A-Za-z0-9_]*)>|(?P<flags>[^:)]*)))?")
_COUNT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_HEXADECIMAL = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_POSIX_CLASS = re.compile(r"\[:(\^?)([a-z]+):\]")


def _same(_number: int, term: Term) -> Term:
    return term


def term_of(expression: str, groups: Groups = _same) -> Term:
    """Return the language of an expression that is matched against whole texts. Raises NotUnderstood."""
    try:
        return _Reader(expression, groups).read()
    except RecursionError:
        raise NotUnderstood("groups within groups") from None


class _Reader:
    def __init__(self, expression: str, groups: Groups) -> None:
        # The whole text is matched anyway: what says so at the two ends adds nothing.
        body = re.sub(r"^(?:\^|\\A)", "", expression)
        self._text = re.sub(r"(?<!\\)((?:\\\\)*)(?:\$|\\z)$", r"\1", body)
        self._at = 0
        self._groups = groups
        self._opened = 0

    def read(self) -> Term:
        term = self._alternatives()
        if self._at < len(self._text):
            self._refuse()
        return term

    def _refuse(self) -> NoReturn:
        raise NotUnderstood(f"character {self._at + 1}")

    def _alternatives(self) -> Term:
        terms = [self._concatenation()]
        while self._take("|"):
            terms.append(self._concatenation())
        return either(terms)

    def _concatenation(self) -> Term:
        terms: list[Term] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            terms.append(self._repeated(self._atom()))
        return sequence(terms)

    def _repeated(self, term: Term) -> Term:
        while True:
            if self._take("*"):
                term = between(term, 0, None)
            elif self._take("+"):
                term = between(term, 1, None)
            elif self._take("?"):
                term = between(term, 0, 1)
            elif found := _COUNT.match(self._text, self._at):
                self._at = found.end()
                fewest = int(found[1])
                most = (int(found[3]) if found[3] else None) if found[2] else fewest
                term = between(term, fewest, most)
            else:
                return term
            self._take("?")  # a lazy repetition has the same language

    def _atom(self) -> Term:
        character = self._text[self._at]
        if character == "(":
            return self._group()
        if character == "[":
            return one_of(self._character_class())
        if character == "\\":
            return one_of(self._escaped())
        if character in "^$*+?":
            self._refuse()
        self._at += 1
        return one_of(ALL if character == "." else ranges_of(character))

    def _group(self) -> Term:
        found = _GROUP.match(self._text, self._at)
        if not found or found["flags"] is not None:
            self._refuse()
        self._at = found.end()
        captures = found["plain"] is None
        if captures:
            self._opened += 1
        number = self._opened
        term = self._alternatives()
        if not self._take(")"):
            self._refuse()
        return self._groups(number, term) if captures else term

    def _character_class(self) -> Ranges:
        start = self._at
        self._at += 1
        negated = self._take("^")
        sets: list[Ranges] = []
        while not (sets and self._take("]")):  # a bracket that comes first is one of the characters
            if self._at >= len(self._text):
                self._at = start
                self._refuse()
            sets.append(self._class_item())
        ranges = union(sets)
        return complement(ranges) if negated else ranges

    def _class_item(self) -> Ranges:
        if found := _POSIX_CLASS.match(self._text, self._at):
            self._at = found.end()
            ranges = _POSIX.get(found[2]) or self._refuse()
            return complement(ranges) if found[1] else ranges
        first = self._class_character()
        if self._text[self._at : self._at + 1] == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
            self._at += 1
            last = self._class_character()
            if any(first_one != last_one for first_one, last_one in (*first, *last)):
                self._refuse()
            return ((first[0][0], last[0][1]),)
        return first

    def _class_character(self) -> Ranges:
        if self._text[self._at] == "\\":
            return self._escaped()
        self._at += 1
        return ranges_of(self._text[self._at - 1])

    def _escaped(self) -> Ranges:
        letter = self._text[self._at + 1 : self._at + 2]
        if found := _HEXADECIMAL.match(self._text, self._at + 1):
            self._at = found.end()
            code_point = int(found[1] or found[2], 16)
            return ((code_point, code_point),) if code_point <= LAST else self._refuse()
        if letter.lower() in _CLASSES:
            ranges = _CLASSES[letter.lower()]
            self._at += 2
            return complement(ranges) if letter.isupper() else ranges
        if letter in _CONTROLS:
            self._at += 2
            return ranges_of(_CONTROLS[letter])
        if not letter or letter.isalnum():
            self._refuse()
        self._at += 2
        return ranges_of(letter)

    def _take(self, character: str) -> bool:
        if self._text.startswith(character, self._at):
            self._at += 1
            return True
        return False
