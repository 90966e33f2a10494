"""Writing answers: JSON of the contract's models, and lists in pages.

Lists are paged by position (keyset), never by count: a page begins after the last item of the one before, however much
was added meanwhile. A cursor is that position, sealed with a checksum so that a mangled one is refused rather than
followed to the wrong place; it holds nothing secret and nothing that a client may rely on.
"""

import binascii
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated, Generic, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema
from starlette.responses import Response

from gateway.clock import to_rfc3339
from gateway.problem_details import Kind
from gateway.reading import JSON

Item = TypeVar("Item")
Position = TypeVar("Position")

# What a 64-bit column can be compared with; SQLite's driver cannot even take a larger number.
Place = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

SignedPlace = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

Time = Annotated[
    int, PlainSerializer(to_rfc3339), WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization")
]
"""A stored time (µs), told as RFC 3339."""


class Answer(BaseModel):
    """What a client is told. Every field is always there; null stands for what is not known."""

    model_config = ConfigDict(
        frozen=True,
        from_attributes=True,
        json_schema_serialization_defaults_required=True,
        defer_build=True,  # until first used: there are many, and a start must be quick
    )


class Page(Answer, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    """In the list's order."""

    next: str | None = None
    """The `cursor` of the next page; null on the last one."""


def answer(body: Answer, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The response that carries `body`. Nothing between us and the client may keep it."""
    content = body.model_dump_json().encode()
    return Response(content, status, {"cache-control": "no-store", **(headers or {})}, media_type=JSON)


def write_cursor(position: object) -> str:
    """The cursor of a position in a list: a tuple of numbers and texts."""
    packed = msgspec.json.encode(position)
    return urlsafe_b64encode(zlib.crc32(packed).to_bytes(4, "big") + packed).rstrip(b"=").decode()


def read_cursor(cursor: str | None, kind: type[Position]) -> Position | None:
    """The position that `write_cursor` wrote, of the list's kind of tuple; None for the beginning.

    Raises RequestError (422) for anything else.
    """
    if cursor is None:
        return None
    try:
        sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if zlib.crc32(sealed[4:]).to_bytes(4, "big") == sealed[:4]:
            return msgspec.json.decode(sealed[4:], type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        pass
    detail = "is not a cursor of this list; leave it out to begin at the first page"
    errors = [{"pointer": "/cursor", "detail": detail, "in": "query"}]
    raise Kind.INVALID.error(f"cursor {detail}", errors=errors)
