"""Reading requests: bodies and queries, checked against a form, with every mistake named at once.

A form is a pydantic model that knows all of its fields: an unknown one is a mistake, as is a parameter given twice.
Bodies are JSON or TOML by their `Content-Type`, never guessed, never compressed, never larger than allowed. JSON is
read by the standard library, not by something faster, since it alone can refuse an object that holds a key twice: of
two lists with one name, one would silently be lost.
"""

import asyncio
import difflib
import json
import re
import tomllib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from starlette.requests import Request

from gateway.collector import uncollected
from gateway.errors import RequestError
from gateway.problem_details import Kind

# A form has a few hundred bytes; this leaves room for a raw webhook body (256 KiB) and for long instructions.
LARGEST_FORM: Final = 1024 * 1024

# 100,000 rules are some 20 MB as JSON.
LARGEST_DOCUMENT: Final = 64 * 1024 * 1024

# Seconds for a body to arrive: the largest one at 10 Mbit/s.
BODY_DEADLINE: Final = 60.0

# Bodies above this are parsed in a thread: it takes a millisecond or so, in which no webhook would be answered.
PARSED_AT_ONCE: Final = 64 * 1024

JSON: Final = "application/json"
TOML: Final = "application/toml"
CSV: Final = "text/csv"

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")

# How one half of a surrogate pair gets into JSON; both halves together are a character like others.
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")

_WEIGHT: Final = re.compile(r"\bq=([01](?:\.\d{0,3})?)")

# Outside of these years somebody has mistyped, and calendars have nothing to say.
YEARS: Final = (1970, 2199)


class Form(BaseModel):
    """What a client may send. In a body `false` is no number and "5" is none either; a query is all text anyway.

    JSON has no enumerations: a field that is one must say so by `Field(strict=False)`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


FormT = TypeVar("FormT", bound=Form)


def _check_storable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must hold no control characters")
    return text


def _read_moment(value: object) -> datetime:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("write a time with its offset (RFC 3339): 2026-12-01T22:00:00+01:00")
    moment = datetime.fromisoformat(value.upper())
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise ValueError(f"must be in the years {YEARS[0]} to {YEARS[1]}")
    return moment


def _with_plus(value: str) -> str:
    """The parameter with the plus that a query turns into a space unless it is written %2B."""
    return f"{value[:19]}{value[19:].replace(' ', '+')}" if value[:1].isdigit() else re.sub("^ ", "+", value)


Line = Annotated[str, AfterValidator(_check_storable)]
"""A text that fits on one line and that every database stores."""

Moment = Annotated[datetime, BeforeValidator(_read_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A moment in time, aware."""

QueryMoment = Annotated[Moment, BeforeValidator(_with_plus)]
"""A moment in a query."""

QueryNumber = Annotated[Line, BeforeValidator(_with_plus)]
"""A telephone number in a query."""


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(moment: datetime | None) -> int | None:
    """A moment in the stored form, µs since the epoch."""
    return None if moment is None else (moment - EPOCH) // timedelta(microseconds=1)


class PageQuery(Form):
    """Which part of a list is wanted."""

    limit: int = Field(50, ge=1, le=500)
    """How many items at most."""

    cursor: str | None = Field(None, max_length=500)
    """Where to go on: the `next` of the page before."""


class NoQuery(Form):
    """No parameters at all."""


def read_query(request: Request, form: type[FormT]) -> FormT:
    """The query's parameters as `form`. Raises RequestError (422) that names every mistake."""
    pairs = request.query_params.multi_items()
    values = dict(pairs)
    twice = {name for name in values if len(request.query_params.getlist(name)) > 1}
    errors = [_mistake([name], "is given more than once", query=True) for name in sorted(twice)]
    try:
        read = form.model_validate_strings(values)
    except ValidationError as error:
        errors += mistakes(error, form, query=True)
    if errors:
        raise invalid(errors)
    return read


async def read_form(request: Request, form: type[FormT], largest: int = LARGEST_FORM) -> FormT:
    """The JSON body as `form`. Raises RequestError that names every mistake."""
    media = content_type(request, [JSON])
    value = await parse(await read_body(request, largest), media)
    try:
        return form.model_validate(value)
    except ValidationError as error:
        raise invalid(mistakes(error, form)) from None


def content_type(request: Request, known: Sequence[str]) -> str:
    """The body's media type, one of `known`. Raises RequestError (415)."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if media not in known or encoding != "identity":
        what = f"Content-Type {media!r}" if media not in known else f"Content-Encoding {encoding!r}"
        raise Kind.MEDIA.error(
            f"{what} cannot be read here; send {' or '.join(known)}, not compressed",
            headers={"accept": ", ".join(known)},
        )
    return media


def prefers(request: Request, media: str, *, over: str) -> bool:
    """Whether the client would rather have the one media type than the other (RFC 9110 section 12.5.1)."""
    weights: dict[str, float] = {}
    for choice in ",".join(request.headers.getlist("accept")).lower().split(","):
        name, _, parameters = choice.partition(";")
        weight = _WEIGHT.search(parameters)
        weights[name.strip()] = float(weight[1]) if weight else 1.0
    return weights.get(media, 0.0) > weights.get(over, 0.0)


async def read_body(request: Request, largest: int, deadline: float = BODY_DEADLINE) -> bytes:
    """The whole body. Raises RequestError: 413 above `largest` bytes, 408 after `deadline` seconds."""
    return b"".join([chunk async for chunk in read_chunks(request, largest, deadline)])


async def read_chunks(request: Request, largest: int, deadline: float = BODY_DEADLINE) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises RequestError: 413 above `largest` bytes, 408 after `deadline` seconds."""
    # After these the rest of the body may still be on its way; the connection cannot be used again.
    closing = {"connection": "close"}
    too_large = Kind.TOO_LARGE.error(f"a body here has at most {largest:,} bytes", headers=closing)
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > largest:
        raise too_large
    size, stream = 0, request.stream()
    ends = asyncio.get_running_loop().time() + deadline
    while True:
        try:
            async with asyncio.timeout_at(ends):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise Kind.TOO_SLOW.error(f"the body must arrive within {deadline:g} seconds", headers=closing) from None
        if chunk is None:
            return
        size += len(chunk)
        if size > largest:
            raise too_large
        yield chunk


async def parse(body: bytes, media: str) -> Any:
    """What the body holds; a large one is parsed in a thread. Raises RequestError (400) with the place."""
    if len(body) <= PARSED_AT_ONCE:
        return _parse(body, media)
    return await asyncio.to_thread(_parse, body, media)


def _parse(body: bytes, media: str) -> Any:
    with uncollected():
        return parse_toml(body) if media == TOML else parse_json(body)


def parse_json(body: bytes) -> Any:
    """The value of a JSON text (RFC 8259) that holds nothing which other programs read otherwise.

    So without duplicate keys, NaN, Infinity, and half surrogate pairs (RFC 7493). Raises RequestError (400).
    """
    try:
        value = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_no_constant)
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Kind.MALFORMED.error("the body holds half of a surrogate pair, which is no text") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Kind.MALFORMED.error(f"the body is not JSON: {error.msg} ({place})") from None
    except RecursionError:
        raise Kind.MALFORMED.error("the body is nested too deeply") from None
    except ValueError as error:  # not UTF-8 (a UnicodeDecodeError), a key twice, NaN, or a number without end
        raise Kind.MALFORMED.error(f"the body is not JSON: {error}") from None
    return value


def parse_toml(body: bytes) -> dict[str, Any]:
    """The table of a TOML document. Raises RequestError (400), whose text has the line and column."""
    try:
        return tomllib.loads(body.decode())
    except RecursionError:
        raise Kind.MALFORMED.error("the body is nested too deeply") from None
    except ValueError as error:
        raise Kind.MALFORMED.error(f"the body is not TOML: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"one object holds the key {twice!r} twice")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def mistakes(error: ValidationError, form: type[BaseModel], *, query: bool = False) -> list[dict[str, str]]:
    """What pydantic found wrong, as members of a problem's `errors`."""
    return [_mistake(found["loc"], _detail(found, form), query=query) for found in error.errors(include_url=False)]


def invalid(errors: Sequence[Mapping[str, str]]) -> RequestError:
    """The refusal of a request with these mistakes."""
    return Kind.INVALID.error(_summary(errors), errors=errors)


def _mistake(steps: Sequence[str | int], detail: str, *, query: bool) -> dict[str, str]:
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
    return {"pointer": pointer, "detail": detail, **({"in": "query"} if query else {})}


def _detail(found: Mapping[str, Any], form: type[BaseModel]) -> str:
    if found["type"] == "missing":
        return "is missing"
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    if found["type"] == "extra_forbidden":
        known = form.model_fields if len(found["loc"]) == 1 else ()
        return f"is unknown here{_near(str(found['loc'][-1]), known)}"
    if plain := _PLAIN.get(found["type"]):
        return plain
    text: str = found["msg"]
    return _SHOULD.sub("must", text)


_SHOULD: Final = re.compile("^(?:Input|String|Value|List|Dictionary) should")

# What pydantic says in Python's words, in those of JSON and of a query.
_PLAIN: Final = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "float_parsing": "must be a number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be an array",
    "model_type": "must be an object",
    "string_type": "must be a text",
}


def _near(name: str, known: Collection[str]) -> str:
    if close := difflib.get_close_matches(name, known, n=1):
        return f"; did you mean {close[0]!r}?"
    return f"; known here: {', '.join(known)}" if known else ""


# With these a detail goes on from the name of what it is about.
_VERBS: Final = ("must ", "is ", "are ", "says ")


def _summary(errors: Sequence[Mapping[str, str]]) -> str:
    first = errors[0]
    where, detail = first["pointer"].removeprefix("/") or "the body", first["detail"]
    one = f"{where} {detail}" if detail.startswith(_VERBS) else f"{where}: {detail}"
    return one if len(errors) == 1 else f"{one}; and {len(errors) - 1} more"
