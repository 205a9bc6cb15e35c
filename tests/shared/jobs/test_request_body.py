"""The exact bytes of run-now."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.jobs import frozen_body

TOKEN = "a" * 64
fields = st.dictionaries(
    st.sampled_from(["notebook_params", "job_parameters", "python_params"]),
    st.dictionaries(st.text(), st.text(), max_size=4) | st.lists(st.text(), max_size=4),
)


def test_body_is_compact_and_readable() -> None:
    """Keys are sorted, nothing is escaped that need not be, and queueing is asked for."""
    body = frozen_body(7, "t0", {"notebook_params": {"run_date": "20261122", "file_path": 'crm/é "1".csv'}})

    assert body == (
        '{"idempotency_token":"t0","job_id":7,'
        '"notebook_params":{"file_path":"crm/é \\"1\\".csv","run_date":"20261122"},'
        '"queue":{"enabled":true}}'
    )


def test_fields_cannot_take_the_place_of_ours() -> None:
    """Whatever a rule passes, job, token and queue are the service's own."""
    body = json.loads(frozen_body(7, TOKEN, {"job_id": 8, "queue": {"enabled": False}, "only": ["a"]}))

    assert (body["job_id"], body["queue"], body["only"]) == (7, {"enabled": True}, ["a"])


@given(given=fields)
def test_order_of_fields_does_not_matter(given: dict[str, object]) -> None:
    """The same fields in any order are the same bytes: a repeated request is the same request."""
    backwards = dict(reversed(list(given.items())))

    assert frozen_body(7, TOKEN, backwards) == frozen_body(7, TOKEN, given)


@given(given=fields)
def test_body_says_what_it_was_given(given: dict[str, object]) -> None:
    """What is read back from the bytes is what went in."""
    read = json.loads(frozen_body(7, TOKEN, given).encode())

    assert {name: read[name] for name in given} == given


def test_lone_surrogate_is_still_json() -> None:
    """Half a character cannot be UTF-8; it is sent as JSON's own escape."""
    body = frozen_body(7, TOKEN, {"notebook_params": {"path": "a\ud800b"}})

    assert '{"path":"a\\ud800b"}' in body
    body.encode()


@pytest.mark.parametrize("token", ["", "a" * 65])
def test_token_that_databricks_refuses_is_refused_here(token: str) -> None:
    """An idempotency token has 1 to 64 characters."""
    with pytest.raises(ValueError, match="1 to 64 characters"):
        frozen_body(7, token, {})
