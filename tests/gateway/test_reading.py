import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.requests import Request

from gateway.errors import RequestError
from gateway.reading import (
    JSON,
    PARSED_AT_ONCE,
    TOML,
    Form,
    Line,
    Moment,
    PageQuery,
    QueryMoment,
    QueryNumber,
    content_type,
    parse,
    parse_json,
    parse_toml,
    prefers,
    read_body,
    read_form,
    read_query,
    to_micros,
)
from tests.gateway.asking import a_request


class Booking(Form):
    guest: Line
    nights: int
    at: Moment | None = None
    tags: dict[str, list[int]] = {}  # noqa: RUF012


class Search(PageQuery):
    called: QueryNumber | None = None
    since: QueryMoment | None = None


def refusal(error: pytest.ExceptionInfo[RequestError]) -> dict[str, str]:
    return {told["pointer"]: told["detail"] for told in error.value.errors}


# --- JSON and TOML ----------------------------------------------------------------------------------------------------


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda values: st.lists(values) | st.dictionaries(st.text(), values),
        max_leaves=10,
    )
)
@settings(max_examples=50)
def test_every_json_value_is_read_as_it_was_written(value: object) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) == value


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,\n "b" 2}', "line 2, column 6"),
        (b'{"a": 1} x', "line 1, column 10"),
        (b"{'a': 1}", "line 1, column 2"),
        (b'{"a": 1, "a": 2}', "holds the key 'a' twice"),
        (b'[{"b": {"c": 1, "c": 1}}]', "holds the key 'c' twice"),
        (b'{"a": NaN}', "NaN"),
        (b"-Infinity", "Infinity"),
        (b'"\xff"', "position 1"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5_000, "4300"),
        (rb'{"\ud800": 1}', "half of a surrogate pair"),
        (rb'["\uDFff"]', "half of a surrogate pair"),
    ],
)
def test_broken_json_is_refused_with_the_place(body: bytes, place: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse_json(body)
    assert refused.value.status == 400
    assert place in refused.value.detail


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse_json(rb'{"\ud83d\ude00": "\\ud800"}') == {"\U0001f600": r"\ud800"}


@pytest.mark.parametrize("nights", [True, "2", 2.5])
def test_what_looks_like_a_number_in_a_body_is_none(nights: object) -> None:
    with pytest.raises(ValidationError, match="valid integer"):
        Booking.model_validate({"guest": "Ann", "nights": nights})


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"a = ", "end of document"),
        (b"a = 1\na = 2\n", "line 2"),
        (b"\xff", "utf-8"),
        (b"a = " + b"[" * 5_000, "nested"),
    ],
)
def test_broken_toml_is_refused_with_the_place(body: bytes, place: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse_toml(body)
    assert refused.value.status == 400
    assert place in refused.value.detail


async def test_a_large_body_is_parsed_like_a_small_one() -> None:
    large = json.dumps(["x" * 1_000] * 100).encode()
    assert len(large) > PARSED_AT_ONCE
    assert await parse(large, JSON) == json.loads(large)
    assert await parse(b"a = 1", TOML) == {"a": 1}


# --- what a request says of its body ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["application/json", "Application/JSON; charset=utf-8", "application/json ;x=1"])
def test_json_is_known_by_its_media_type(text: str) -> None:
    assert content_type(a_request(("Content-Type", text)), [JSON, TOML]) == JSON


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Content-Type", ""),),
        (("Content-Type", "text/plain"),),
        (("Content-Type", "application/x-www-form-urlencoded"),),
        (("Content-Type", "application/json"), ("Content-Encoding", "gzip")),
    ],
)
def test_a_body_of_another_kind_is_refused_with_the_kinds_that_are_known(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(RequestError) as refused:
        content_type(a_request(*headers), [JSON, TOML])
    assert (refused.value.status, refused.value.headers) == (415, {"accept": f"{JSON}, {TOML}"})


async def test_a_body_is_put_together_from_its_chunks() -> None:
    assert await read_body(a_request(chunks=[b"ab", b"", b"cd"]), 4) == b"abcd"


@pytest.mark.parametrize(
    "request_",
    [
        a_request(("Content-Length", "5"), chunks=[b""]),
        a_request(chunks=[b"abc", b"de"]),
        a_request(("Content-Length", "2"), chunks=[b"abcde"]),
    ],
    ids=["declared", "undeclared", "lying"],
)
async def test_a_body_above_the_limit_is_refused_and_its_connection_closed(request_: Request) -> None:
    with pytest.raises(RequestError) as refused:
        await read_body(request_, 4)
    assert (refused.value.status, refused.value.headers["connection"]) == (413, "close")


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    async def never() -> dict[str, object]:
        return await asyncio.Future()

    with pytest.raises(RequestError) as refused:
        await read_body(Request({"type": "http", "headers": []}, never), 4, deadline=0.01)
    assert (refused.value.status, refused.value.headers["connection"]) == (408, "close")


@pytest.mark.parametrize(
    ("accept", "toml"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/toml", True),
        ("Application/TOML, */*;q=0.1", True),
        ("application/toml;q=0.5, application/json", False),
        ("application/toml;q=0.5, application/json;q=0.4", True),
        ("application/toml;q=0", False),
    ],
)
def test_the_file_form_is_for_who_would_rather_have_it(accept: str, toml: bool) -> None:
    assert prefers(a_request(("Accept", accept)), TOML, over=JSON) is toml


# --- forms ------------------------------------------------------------------------------------------------------------


async def form(value: object) -> Booking:
    request = a_request(("Content-Type", JSON), chunks=[json.dumps(value).encode()])
    return await read_form(request, Booking)


async def test_a_form_without_mistakes_is_read() -> None:
    read = await form({"guest": "Ann", "nights": 2, "at": "2026-12-01T22:00:00+01:00"})
    assert (read.guest, read.nights, read.at) == ("Ann", 2, datetime(2026, 12, 1, 21, tzinfo=UTC))


async def test_every_mistake_of_a_form_is_told_with_its_place() -> None:
    with pytest.raises(RequestError) as refused:
        await form({"gest": "Ann", "nights": "two", "tags": {"a/b": [1, "x"]}})
    assert refused.value.status == 422
    told = refusal(refused)
    assert told["/guest"] == "is missing"
    assert told["/gest"] == "is unknown here; did you mean 'guest'?"
    assert told["/nights"] == "must be a whole number"
    assert told["/tags/a~1b/1"] == "must be a whole number"


@pytest.mark.parametrize("value", [[], "x", 1, None])
async def test_a_body_that_is_no_object_is_one_mistake(value: object) -> None:
    with pytest.raises(RequestError) as refused:
        await form(value)
    assert refusal(refused) == {"": "must be an object"}
    assert refused.value.detail == "the body must be an object"


@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "\u202e"])
async def test_a_line_holds_nothing_that_a_database_or_a_terminal_would_choke_on(name: str) -> None:
    with pytest.raises(RequestError) as refused:
        await form({"guest": name, "nights": 1})
    assert refusal(refused) == {"/guest": "must hold no control characters"}


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01",
        "2026-12-01T22:00:00",
        "20261201T220000Z",
        "2026-13-01T22:00:00Z",
        "2026-02-30T22:00:00Z",
        "2026-12-01T22:00:60Z",
        "2026-12-01T22:00Z",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "tomorrow",
        "2026-12-01T22:00:00 01:00",
        1_790_000_000,
        True,
    ],
)
async def test_a_time_must_be_of_the_standard_form(text: object) -> None:
    with pytest.raises(RequestError) as refused:
        await form({"guest": "Ann", "nights": 1, "at": text})
    assert list(refusal(refused)) == ["/at"]


@pytest.mark.parametrize("text", ["2026-12-01T21:00:00Z", "2026-12-01t22:00:00.000+01:00", "2026-12-01 21:00:00z"])
async def test_the_standard_form_has_variants(text: str) -> None:
    assert (await form({"guest": "Ann", "nights": 1, "at": text})).at == datetime(2026, 12, 1, 21, tzinfo=UTC)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2199, 1, 1)))
@settings(max_examples=50)
def test_microseconds_are_exact(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    micros = to_micros(moment)
    assert micros is not None
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros) == moment


# --- queries ----------------------------------------------------------------------------------------------------------


def test_a_query_without_mistakes_is_read() -> None:
    read = read_query(a_request(query="limit=7&called=%2B1555*"), Search)
    assert (read.limit, read.cursor, read.called) == (7, None, "+1555*")


@pytest.mark.parametrize(
    ("query", "called"), [("called=+1555", "+1555"), ("called=%2B1555", "+1555"), ("called=sales", "sales")]
)
def test_a_plus_that_nobody_escaped_is_understood(query: str, called: str) -> None:
    assert read_query(a_request(query=query), Search).called == called


def test_a_plus_that_nobody_escaped_is_understood_in_a_time_too() -> None:
    read = read_query(a_request(query="since=2026-12-01T22:00:00+01:00"), Search)
    assert read.since == datetime(2026, 12, 1, 21, tzinfo=UTC)


def test_every_mistake_of_a_query_is_told_and_said_to_be_the_querys() -> None:
    with pytest.raises(RequestError) as refused:
        read_query(a_request(query="limit=501&limt=1&called=a&called=b&since=x"), Search)
    assert refused.value.status == 422
    assert refusal(refused) == {
        "/called": "is given more than once",
        "/limit": "must be less than or equal to 500",
        "/since": "write a time with its offset (RFC 3339): 2026-12-01T22:00:00+01:00",
        "/limt": "is unknown here; did you mean 'limit'?",
    }
    assert {told["in"] for told in refused.value.errors} == {"query"}
    assert refused.value.detail.startswith("called is given more than once; and ")


def test_advice_is_set_off_from_the_name_of_what_it_is_about() -> None:
    with pytest.raises(RequestError) as refused:
        read_query(a_request(query="since=yesterday"), Search)
    assert refused.value.detail == "since: write a time with its offset (RFC 3339): 2026-12-01T22:00:00+01:00"


@pytest.mark.parametrize("limit", ["0", "-1", "501", "x", "", "1e2", "5.5"])
def test_a_limit_is_from_1_to_500(limit: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_query(a_request(query=f"limit={limit}"), Search)
    assert list(refusal(refused)) == ["/limit"]
