"""The corpus itself: whole, plain text, and each case once."""

from __future__ import annotations

import json
from collections import Counter

from tests.hostile.corpus import HERE, documents

OURS = range(1, 77)


def test_every_case_is_there_once() -> None:
    """A number that is missing, or there twice, would be a hole in the corpus that nobody sees."""
    numbers = Counter(case["number"] for file in ("events.yaml", "names.yaml") for case in documents(file))

    assert numbers == Counter(OURS)


def test_every_case_sends_something() -> None:
    """A case without an input would pass whatever the service does."""
    cases = [*documents("events.yaml"), *documents("names.yaml")]

    assert all(case["title"] and (case.get("sends") or case.get("names")) for case in cases)


def test_data_files_are_plain_text() -> None:
    """An editor or a reviewer is not to be deceived by the very names that are tested."""
    for file in sorted(HERE.glob("*.yaml")):
        text = file.read_text("utf-8")

        assert text.isascii(), file.name
        assert text.replace("\n", "").isprintable(), file.name


def test_corpus_is_whole() -> None:
    """What people configure and what Databricks answers is in files of its own: together they are the cases 1 to 93."""
    files = ("databricks_answers.json", "configuration.json")
    others = {case["number"] for file in files for case in json.loads((HERE / file).read_text("utf-8"))}

    # 85, an unknown state of a run, is no answer to a request: test_databricks_answers.py has it.
    assert {*OURS} | others | {85} == set(range(1, 94))
    assert not others & {*OURS}
