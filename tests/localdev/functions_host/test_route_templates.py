"""Route templates: which paths they match, and with which parameters."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localdev.functions_host.route_templates import RouteTemplate


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        pytest.param("status", "/status", {}, id="literal"),
        pytest.param("Status", "/sTATUS/", {}, id="whatever the case, with a slash at the end"),
        pytest.param("status", "/status/more", None, id="too long"),
        pytest.param("a/b", "/a", None, id="too short"),
        pytest.param("", "/", {}, id="the root"),
        pytest.param("runs/{id}", "/runs/7", {"id": "7"}, id="parameter"),
        pytest.param("runs/{id}", "/runs/", None, id="a parameter is not empty"),
        pytest.param("runs/{id}", "/runs/a%20b", {"id": "a b"}, id="a parameter is decoded"),
        pytest.param("runs/{id:int}", "/runs/-7", {"id": "-7"}, id="int"),
        pytest.param("runs/{id:int}", "/runs/x", None, id="no int"),
        pytest.param("runs/{id:int}", "/runs/99999999999", None, id="int of 32 bits"),
        pytest.param("runs/{id:long}", "/runs/99999999999", {"id": "99999999999"}, id="long"),
        pytest.param(
            "x/{id:guid}",
            "/x/6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            {"id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"},
            id="guid",
        ),
        pytest.param("x/{flag:bool}", "/x/True", {"flag": "True"}, id="bool"),
        pytest.param("x/{n:alpha:length(2,3)}", "/x/abc", {"n": "abc"}, id="two constraints"),
        pytest.param("x/{n:alpha:length(2,3)}", "/x/abcd", None, id="too long for one of them"),
        pytest.param("x/{n:range(1,5)}", "/x/6", None, id="range"),
        pytest.param("x/{n:min(3)}", "/x/3", {"n": "3"}, id="min"),
        pytest.param("x/{n:double}", "/x/nan", None, id="no finite number"),
        pytest.param("runs/{id?}", "/runs", {}, id="optional left out"),
        pytest.param("runs/{id:int?}", "/runs/5", {"id": "5"}, id="optional given"),
        pytest.param("files/{*rest}", "/files/a/b%20c/d", {"rest": "a/b c/d"}, id="rest"),
        pytest.param("files/{*rest}", "/files", {}, id="rest left out"),
        pytest.param("{container}/{*blob}", "/landing/x", {"container": "landing", "blob": "x"}, id="two"),
    ],
)
def test_matches_like_asp_net(template: str, path: str, expected: dict[str, str] | None) -> None:
    """A path matches as it does in ASP.NET Core, and yields the parameters that are there."""
    assert RouteTemplate.parse(template).match(path) == expected


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("a/{b?}/c", "before its end"),
        ("{*a}/b", "before its end"),
        ("{a}/{A}", "twice"),
        ("a-{b}", "whole segment"),
        ("{b:color}", "color"),
        ("{b:length(x)}", "length"),
        ("{b:min(1,2)}", "min"),
        ("{b", "whole segment"),
    ],
)
def test_unknown_templates_are_refused(template: str, said: str) -> None:
    """A template that the host does not understand is refused, not taken for something else."""
    with pytest.raises(ValueError, match=said):
        RouteTemplate.parse(template)


SEGMENTS = st.text(st.characters(codec="utf-8", exclude_characters="/%?#"), min_size=1, max_size=12)


@given(st.lists(SEGMENTS, min_size=1, max_size=4))
def test_rest_is_everything_that_is_left(segments: list[str]) -> None:
    """A catch-all parameter holds the whole of an encoded path, whatever is in it."""
    path = "/".join(quote(segment, safe="") for segment in segments)

    assert RouteTemplate.parse("files/{*rest}").match(f"/files/{path}") == {"rest": "/".join(segments)}
