"""The host's log: one line per record, with the levels that host.json sets, and no tracebacks unless asked for."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from azure.functions.meta import Datum
from hypothesis import given
from hypothesis import strategies as st

from localdev.functions_host import EmbeddedHost, datums
from localdev.functions_host.log_output import log_to, visible


@contextmanager
def logged(
    levels: dict[str, int] | None = None, *, verbose: bool = False, debug: bool = False
) -> Iterator[io.StringIO]:
    """Log to a text until the end of the block."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.level
    handler = log_to(stream, levels or {}, verbose=verbose, debug=debug)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


async def test_run_is_one_line_and_its_own_lines(host: EmbeddedHost) -> None:
    """A run is logged by what the app logs and one line of the host's, each under the function's category, in UTC."""
    with logged() as stream:
        await host.invoke("on_text", datums.event_grid_datum({"subject": "s"}))

    app_line, host_line = stream.getvalue().splitlines()
    moment, level, category, text = app_line.split(None, 3)
    assert moment.endswith("Z")
    assert (level, category, text) == ("INFO", "Function.on_text.User", 'got {"subject":"s"}')
    assert " INFO     Function.on_text function.succeeded function=on_text seconds=0.00" in host_line


async def test_failure_is_one_line_with_its_reason(host: EmbeddedHost) -> None:
    """A failed run is one line with the error's type and message."""
    with logged({"function": logging.WARNING}) as stream:
        await host.invoke("on_text", datums.event_grid_datum({"subject": "fail"}))

    (line,) = stream.getvalue().splitlines()
    assert " ERROR    Function.on_text function.failed function=on_text" in line
    assert 'error="ValueError: refused: ' in line


async def test_traceback_comes_only_when_asked_for(host: EmbeddedHost) -> None:
    """With --verbose the traceback follows, each of its lines marked."""
    with logged(verbose=True) as stream:
        await host.invoke("on_text", datums.event_grid_datum({"subject": "fail"}))

    below = stream.getvalue().splitlines()[2:]
    assert below[0] == "    | Traceback (most recent call last):"
    assert all(line.startswith("    | ") for line in below)
    assert below[-1].startswith("    | ValueError: refused: ")


async def test_event_cannot_break_a_line(host: EmbeddedHost) -> None:
    """Line breaks, escapes and bidirectional marks in an event are escaped wherever they are logged."""
    hostile = "fail\n2026-01-01T00:00:00Z INFO faked\r\x1b[31m\u202e\u2028"

    with logged(verbose=True) as stream:
        await host.invoke("on_text", Datum(type="json", value=json.dumps(hostile, ensure_ascii=False)))
        await host.invoke("on_text", Datum(type="string", value=hostile))

    lines = stream.getvalue().split("\n")
    assert not any(line.startswith("2026-01-01") for line in lines)
    assert all(line.isprintable() for line in lines)


async def test_levels_follow_the_longest_rule(host: EmbeddedHost) -> None:
    """The rule that begins a category with the most letters decides, whatever its case."""
    levels = {"default": logging.ERROR, "function": logging.INFO, "function.quiet": logging.ERROR}

    with logged(levels) as stream:
        await host.invoke("quiet", datums.http_datum("GET", "http://127.0.0.1/api/quiet"))
        await host.invoke("on_text", datums.event_grid_datum({}))
        logging.getLogger("elsewhere").warning("outside of any run")

    assert "quiet" not in stream.getvalue()
    assert "elsewhere" not in stream.getvalue()
    assert len(stream.getvalue().splitlines()) == 2


@pytest.mark.parametrize(("debug", "shown"), [(True, True), (False, False)])
def test_debug_records_come_only_when_asked_for(debug: bool, shown: bool) -> None:  # noqa: FBT001 - parameters
    """DEBUG records are dropped unless PYTHON_ENABLE_DEBUG_LOGGING asks for them, as in the worker."""
    with logged({"default": logging.DEBUG}, debug=debug) as stream:
        logging.getLogger("sample").debug("detail")

    assert ("detail" in stream.getvalue()) is shown


@given(st.text(st.characters(codec=None)))
def test_visible_text_is_one_line(text: str) -> None:
    """Whatever a text holds, what is logged of it is one printable line, and printable text stays as it is."""
    shown = visible(text)

    assert shown.isprintable()
    assert (shown == text) is text.isprintable()
