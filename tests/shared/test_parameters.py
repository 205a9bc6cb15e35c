"""Parameter templates; docs/rules.md, which has tests of its own, lists the names and what they give."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import Arrival, Source
from shared.parameters import VALUES, Context, Locations, ParameterTemplate, TemplateError, looks_dynamic
from shared.path_template import Captures, PathTemplate

AZURE = Locations(
    account="account",
    blob_endpoint="https://account.blob.core.windows.net",
    dfs_host="account.dfs.core.windows.net",
)
AZURITE = Locations(account="devstore", blob_endpoint="http://127.0.0.1:10000/devstore", dfs_host=None)
ARRIVAL = Arrival(
    account="account",
    container="landing",
    path="crm/orders.csv",
    version="0x8D1",
    committed_at=datetime(2026, 2, 28, 10, 11, 12, 999999, tzinfo=UTC),
    source=Source.EVENT,
    event_id="event-1",
)
REFERENCE = (
    "Two braces in a row are a reference to Databricks, which a run's parameters cannot hold. "
    "Put the reference into the job itself, or a space between the braces."
)
DIRECTIVES = "Those known are %Y %m %d %H %M %S %j %y."
KNOWN = f"Known are source, date, name, {', '.join(VALUES)}."
PATH = PathTemplate.parse("landing/{source}/{date:%Y-%m-%d}/{name}.csv")


def context_of(path: str, *, locations: Locations = AZURE, template: str = "landing/{rest:**}") -> Context:
    """Return the context of a blob in the container `landing`."""
    arrival = replace(ARRIVAL, path=path)
    captures = PathTemplate.parse(template).match(arrival.full_path)
    assert isinstance(captures, Captures)
    return Context(rule="crm", key="f" * 64, arrival=arrival, captures=captures, locations=locations)


def rendered(text: str, context: Context) -> str:
    """Return what a parameter template gives."""
    return ParameterTemplate.parse(text).render(context)


def refusal(text: str) -> str:
    """Return `column: sentence` with which a parameter is refused, by itself or for the rule of PATH."""
    with pytest.raises(TemplateError) as refused:
        ParameterTemplate.parse(text).check(PATH.kinds)
    return f"{refused.value.column}: {refused.value.message}"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_names_are_passed_on_verbatim(name: str) -> None:
    """Whatever a blob is called, a parameter holds just that: nothing is escaped, expanded or lost."""
    context = context_of(name)

    assert rendered("{rest}", context) == name
    assert rendered("<{blob.path}>", context) == f"<{name}>"
    assert rendered("{blob.abfss}", context) == f"abfss://landing@account.dfs.core.windows.net/{name}"
    assert rendered("{blob.path}", context).endswith(rendered("{blob.name}", context))


@given(st.text("{}ab:% \n", max_size=20).filter(lambda text: not looks_dynamic(text)))
def test_literal_text_round_trips(text: str) -> None:
    """Text with its braces doubled is a template without placeholders, which renders as that text."""
    template = ParameterTemplate.parse(text.replace("{", "{{").replace("}", "}}"))

    assert template.names == frozenset()
    assert template.literal_text() == template.render(context_of("a")) == text


@given(st.lists(st.sampled_from(["{name}", "{date}", "{date:%d}", "{blob.uri}", "{event.type}", "a", "{{", "}}", "é"])))
def test_template_renders_as_its_pieces_do(pieces: list[str]) -> None:
    """What stands beside a placeholder changes nothing about it: a template is the sum of its pieces."""
    text = "".join(pieces)
    context = context_of("crm/2026-02-28/{a}.csv", template=PATH.text)
    if any(looks_dynamic(run.replace("{{", "{").replace("}}", "}")) for run in re.split(r"\{[a-z.%:]+\}", text)):
        return

    assert rendered(text, context) == "".join(rendered(piece, context) for piece in pieces)


@pytest.mark.parametrize("name", ["{blob.account}", "{{job.id}}", "{0.__class__}", "%(path)s", "${x}", "{rest}"])
def test_nothing_is_expanded_twice(name: str) -> None:
    """A name that looks like a template is text."""
    assert rendered("{rest}{blob.path}", context_of(name)) == name * 2


@given(st.text("{}:.abrule%Y \n", max_size=15))
def test_any_text_is_parsed_or_refused_with_its_column(text: str) -> None:
    """Parsing and checking raise nothing but TemplateError, and what they accept renders."""
    refused: TemplateError | None = None
    try:
        template = ParameterTemplate.parse(text)
        template.check(PATH.kinds)
    except TemplateError as error:
        refused = error

    if refused:
        assert 1 <= refused.column <= len(text) + 1
        assert refused.message.endswith(".")
    else:
        context = context_of("crm/2026-02-28/a.csv", template=PATH.text)
        assert isinstance(template.render(context), str)


def test_without_dfs_the_uri_is_the_url() -> None:
    """Azurite has no endpoint for Spark: what names the blob there is its URL."""
    context = context_of("a b/ü#%.csv", locations=AZURITE)

    assert rendered("{blob.uri}", context) == "http://127.0.0.1:10000/devstore/landing/a%20b/%C3%BC%23%25.csv"
    assert rendered("{blob.abfss}", context) == ""
    assert rendered("{blob.wasbs}", context) == ""


def test_spark_reads_the_path_verbatim() -> None:
    """Neither of Spark's forms escapes anything: the drivers take the path as it is."""
    context = context_of("a b/ü#%.csv")

    assert rendered("{blob.abfss}", context) == "abfss://landing@account.dfs.core.windows.net/a b/ü#%.csv"
    assert rendered("{blob.wasbs}", context) == "wasbs://landing@account.blob.core.windows.net/a b/ü#%.csv"


@pytest.mark.parametrize(
    ("path", "name", "stem", "extension"),
    [
        ("a/orders.csv", "orders.csv", "orders", "csv"),
        ("orders.tar.gz", "orders.tar.gz", "orders.tar", "gz"),
        ("a.b/orders", "orders", "orders", ""),
        ("a/.hidden", ".hidden", ".hidden", ""),
        ("a/.hidden.csv", ".hidden.csv", ".hidden", "csv"),
        ("a/trailing.", "trailing.", "trailing.", ""),
        ("a/..", "..", "..", ""),
        ("a/..csv", "..csv", "..csv", ""),
        ("folder/", "", "", ""),
    ],
)
def test_name_stem_and_extension(path: str, name: str, stem: str, extension: str) -> None:
    """The extension is what follows the last dot; a name that only begins or ends with dots has none."""
    context = context_of(path)

    assert [rendered(f"{{blob.{part}}}", context) for part in ("name", "stem", "ext")] == [name, stem, extension]


def test_what_nobody_told_is_empty() -> None:
    """A missing size, version, type or event renders as nothing, and the job starts all the same."""
    arrival = replace(ARRIVAL, source=Source.SWEEP, event_id=None, version=None)
    context = replace(context_of("a"), arrival=arrival)

    for name in ("blob.size", "blob.etag", "blob.content_type", "event.id", "event.time", "event.type", "blob.volume"):
        assert rendered(f"<{{{name}}}>", context) == "<>"
    assert rendered("{triggered_by}", context) == "sweep"


def test_times_are_whole_seconds_of_utc() -> None:
    """An event's fraction is cut off, so that a time looks the same however the file was learnt of."""
    assert rendered("{blob.last_modified} {event.time}", context_of("a")) == "2026-02-28T10:11:12Z 2026-02-28T10:11:12Z"


def test_size_of_an_empty_file_is_zero() -> None:
    """Zero bytes are a size, not a missing one."""
    context = replace(context_of("a"), arrival=replace(ARRIVAL, size=0))

    assert rendered("{blob.size}", context) == "0"


def test_dates_take_a_format_of_what_is_known() -> None:
    """A captured date is written in any format whose parts were captured, else as the path has it."""
    context = context_of("crm/2026-12-31/a.csv", template=PATH.text)

    assert rendered("{date} {date:%d.%m.%y} {date:%Y/%j}", context) == "2026-12-31 31.12.26 2026/365"


def test_names_are_those_used() -> None:
    """A template tells which names it uses, once each."""
    assert ParameterTemplate.parse("{a}{blob.uri}{a:%Y}{{b}}").names == {"a", "blob.uri"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "1: This `{` is never closed. Close it with `}`, or write `{{` for a literal brace."),
        ("a}", "2: This `}` closes nothing. Write `}}` for a literal brace."),
        ("{}", "1: Braces hold a name, without spaces, such as `{blob.uri}`."),
        ("{ source }", "1: Braces hold a name, without spaces, such as `{blob.uri}`."),
        ("{date:}", f"7: This date format has no directive. {DIRECTIVES}"),
        (
            "{date:%B}",
            f"7: `%B` cannot be used: names of days and months depend on the language. {DIRECTIVES}",
        ),
        ("x{date:%H}", "2: `%H` is not known of `date`, which is captured as `%Y-%m-%d`."),
        ("{source:%Y}", "1: `source` is not a captured date, and only those take a format."),
        ("{blob.last_modified:%Y}", "1: `blob.last_modified` is not a captured date, and only those take a format."),
        ("{{{{job.id}}}}", f"3: {REFERENCE}"),
        ('{{"a": {{"b": 1}}}}', f"18: {REFERENCE}"),
        ("{sorce}", f"1: `sorce` is no capture and nothing else here. Did you mean `source`? {KNOWN}"),
        ("{xyz.__class__}", f"1: `xyz.__class__` is no capture and nothing else here. {KNOWN}"),
    ],
)
def test_refusal_says_where_and_what_to_write(text: str, expected: str) -> None:
    """Every parameter that cannot be rendered is refused at its column with a sentence that helps."""
    assert refusal(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("landing/{{job.id}}.csv", True),
        ("a}}b", True),
        ("{{", True),
        ("{a}", False),
        ("{ {a} }", False),
        ("", False),
    ],
)
def test_dynamic_references_are_recognised(value: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    """Two braces in a row are what Databricks may evaluate."""
    assert looks_dynamic(value) is expected


def test_reference_across_a_name_is_recognised_once_rendered() -> None:
    """A literal brace beside a name that begins with one makes a reference: only the whole value can tell."""
    value = rendered("{{{rest}}}", context_of("{job.id}"))

    assert value == "{{job.id}}"
    assert looks_dynamic(value)
