"""What people send: queries and forms, as HTML sends them, read as the API's own forms.

An HTML form sends every field, the empty ones too, so an empty field says nothing here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from gateway.console.visit import Visit
from gateway.problem_details import Kind
from gateway.reading import Form, content_type, mistakes, read_body

FormT = TypeVar("FormT", bound=Form)

URLENCODED: Final = "application/x-www-form-urlencoded"

# A pasted webhook has 256 KiB, and each of its bytes may take three; a list of 100,000 numbers is a file.
LARGEST: Final = 2 * 1024 * 1024


class Fields(dict[str, str]):
    """Texts by field; a field of which nothing is known has the empty one."""

    def __missing__(self, name: str) -> str:
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled(Generic[FormT]):
    """A form as it was filled in."""

    said: Fields  # to be shown again
    form: FormT | None  # None where there are mistakes
    mistakes: Fields  # under "" that of the form as a whole


async def read_fields(visit: Visit, largest: int = LARGEST) -> dict[str, list[str]]:
    """The fields of a form that was sent. Raises RequestError (400, 413, 415)."""
    content_type(visit.request, [URLENCODED])
    body = await read_body(visit.request, largest)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=5_000)
    except ValueError:
        raise Kind.MALFORMED.error("the form cannot be read; open the page again, and send it again") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return fields


def fill(form: type[FormT], said: Mapping[str, str]) -> Filled[FormT]:
    """A form with what was said, or with its mistakes."""
    spoken = {name: value for name, value in said.items() if value.strip()}
    try:
        return Filled(said=Fields(said), form=form.model_validate_strings(spoken), mistakes=Fields())
    except ValidationError as error:
        return Filled(said=Fields(said), form=None, mistakes=by_field(mistakes(error, form)))


def by_field(found: Sequence[Mapping[str, str]]) -> Fields:
    """Mistakes by the field that they are about, the first of each."""
    told = Fields()
    for mistake in found:
        told.setdefault(mistake["pointer"].removeprefix("/").partition("/")[0], mistake["detail"])
    return told


def moment_text(value: str, zone: ZoneInfo) -> str:
    """A `datetime-local` of the viewer's zone as RFC 3339; anything else as it is, to be refused where it is read."""
    try:
        local = datetime.fromisoformat(value)
    except ValueError:
        return value
    return (local if local.tzinfo else local.replace(tzinfo=zone)).isoformat(timespec="seconds")


def row_number(text: str) -> int | None:
    """The id of a row, as an address holds it; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
