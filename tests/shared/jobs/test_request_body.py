from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jobs import PARAMETERS_LIMIT, frozen_body, parameters_size

PARAMETERS = st.dictionaries(st.text(), st.text())
TOKEN = "a" * 64


def test_body_is_compact_and_complete() -> None:
    """The exact text, since a repetition must be the same text."""
    body = frozen_body(7, "t0", {"run_date": "20261122", "file_path": 'crm/é "1".csv'})

    assert body == (
        '{"job_id":7,"idempotency_token":"t0",'
        '"notebook_params":{"file_path":"crm/é \\"1\\".csv","run_date":"20261122"},"queue":{"enabled":true}}'
    )


@given(PARAMETERS)
def test_body_ignores_the_order_of_parameters(parameters: dict[str, str]) -> None:
    """The same parameters make the same bytes."""
    backwards = dict(reversed(parameters.items()))

    assert frozen_body(7, TOKEN, backwards) == frozen_body(7, TOKEN, parameters)


@given(PARAMETERS)
def test_body_can_be_sent_and_read_back(parameters: dict[str, str]) -> None:
    """Any text survives, lone surrogates included, which UTF-8 has no bytes for."""
    sent = frozen_body(7, TOKEN, parameters).encode()

    assert json.loads(sent)["notebook_params"] == parameters


def test_lone_surrogates_are_escaped() -> None:
    """Events are JSON, and JSON can name half a character."""
    assert '{"path":"a\\ud800b"}' in frozen_body(7, TOKEN, {"path": "a\ud800b"})


@given(PARAMETERS)
def test_size_counts_the_bytes_that_are_sent(parameters: dict[str, str]) -> None:
    """Databricks counts the field with its own name, as UTF-8."""
    sent = json.loads(frozen_body(7, TOKEN, parameters))["notebook_params"]
    text = frozen_body(7, TOKEN, parameters)
    field = text[text.index('"notebook_params"') : text.rindex(',"queue"')]

    assert sent == parameters
    assert parameters_size(parameters) == len(("{" + field + "}").encode())


def test_size_of_non_ascii_text_is_its_utf8() -> None:
    """Two bytes for an é, not the six of its escape."""
    wrapper = len('{"notebook_params":{"p":""}}')

    assert parameters_size({"p": "é" * 10}) == wrapper + 20
    assert parameters_size({"p": "x" * (PARAMETERS_LIMIT - wrapper)}) == PARAMETERS_LIMIT


@pytest.mark.parametrize("token", ["", "a" * 65])
def test_unusable_token_is_refused(token: str) -> None:
    """Without a token a repetition would start a second run; Databricks takes at most 64 characters."""
    with pytest.raises(ValueError, match="1 to 64"):
        frozen_body(7, token, {})
