"""Revisions: what was published, by whom and why, what it changed, and back to it."""

import asyncio
from typing import Final

import msgspec
from sqlalchemy import Connection
from starlette.responses import Response

from gateway.access.guard import author_of
from gateway.collector import uncollected
from gateway.console.door import View
from gateway.console.forms import fill, read_fields
from gateway.console.visit import Visit, go_to
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.reading import TOML
from gateway.rulebook.comparison import compare_revisions
from gateway.rulebook.file_form import write_toml
from gateway.rulebook.history import find_changes
from gateway.rulebook.publication_contract import EditQuery
from gateway.rulebook.publish import IrrevertibleError, ManagedError, PendingError, Publisher, StaleBaseError
from gateway.rulebook.refusals import refused
from gateway.rulebook.revision_contract import ShownChange
from gateway.rulebook.store import Note, find_text, list_revisions, newest_number
from routing_rules import DocumentError

# Revisions on one page.
SHOWN: Final = 50


class RevisionPages:
    """`/revisions`."""

    def __init__(self, *, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    async def list_revisions(self, visit: Visit) -> View:
        """What was published, the newest first."""
        before = number_of(visit.parameter("before")) if visit.parameter("before") else None
        notes = await self._database.read(lambda c: list_revisions(c, limit=SHOWN + 1, before=before))
        older = notes[SHOWN - 1].number if len(notes) > SHOWN else None
        newest = await self._database.read(newest_number)
        return View("revisions.html", {"notes": notes[:SHOWN], "older": older, "newest": newest})

    async def show_revision(self, visit: Visit) -> View:
        """What one revision changed, or how it differs from another."""
        number = number_of(visit.request.path_params["number"])
        other = visit.parameter("before")
        note, newest, changes = await self._database.read(_read, number)
        if other:
            changes = await self._compare(number_of(other), number)
        context = {"note": note, "newest": newest, "changes": changes, "other": other}
        return View("revision.html", context)

    async def restore_revision(self, visit: Visit) -> Response:
        """Publish it again, as a new one."""
        number = number_of(visit.request.path_params["number"])
        fields = await read_fields(visit)
        base = number_of(fields.get("base", [""])[0])
        comment = fields.get("comment", [""])[0].strip()[:500] or f"restores revision {number}"
        filled = fill(EditQuery, {"comment": comment, "confirm_within": fields.get("confirm_within", [""])[0]})
        if filled.form is None:
            raise Kind.INVALID.error("; ".join(f"{name} {detail}" for name, detail in filled.mistakes.items()))
        signed = filled.form.signed(author_of(visit.request))
        try:
            released = await self._publisher.restore(number, base=base, signed=signed)
        except LookupError:
            raise _missing(number) from None
        except DocumentError as error:
            told = [{"pointer": problem.pointer, "detail": problem.detail} for problem in error.problems[:20]]
            raise Kind.MISTAKES.error(
                f"Revision {number} cannot be restored as it was; what has become a mistake since is listed here.",
                errors=told,
            ) from None
        except StaleBaseError as error:
            raise Kind.STALE.error(
                f"Revision {error.newest} was published meanwhile. Look at it, and restore again if you still want to."
            ) from None
        except (ManagedError, PendingError) as error:
            raise refused(error) from None
        except IrrevertibleError as error:
            raise Kind.INVALID.error(f"{error}; restore it for good.") from None
        return go_to("/revisions", f"Revision {released.number} is in force; it equals revision {number}.")

    async def export_rulebook(self, visit: Visit) -> Response:
        """The rulebook in force as a file, or an older one."""
        wanted = visit.parameter("revision")
        number = number_of(wanted) if wanted else await self._database.read(newest_number)
        text = await self._database.read(find_text, number)
        if text is None:
            raise _missing(number)
        headers = {
            "content-disposition": f'attachment; filename="rulebook-{number}.toml"',
            "cache-control": "no-store",
        }
        return Response(await asyncio.to_thread(_as_toml, text, number), headers=headers, media_type=TOML)

    async def _compare(self, before: int, after: int) -> list[ShownChange]:
        try:
            return (await self._database.read(compare_revisions, before, after)).changes
        except LookupError:
            raise _missing(before) from None
        except DocumentError:
            raise Kind.INVALID.error("One of these revisions cannot be read by this release.") from None


def _read(connection: Connection, number: int) -> tuple[Note, int, list[ShownChange]]:
    notes = list_revisions(connection, limit=1, before=number + 1)
    if not notes or notes[0].number != number:
        raise _missing(number)
    return notes[0], newest_number(connection), find_changes(connection, number)


def _as_toml(text: bytes, number: int) -> str:
    with uncollected():
        return write_toml(msgspec.json.decode(text), number)


def number_of(text: str) -> int:
    """The number of a revision, as an address holds it. Raises RequestError (404)."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _missing(text)
    return int(text)


def _missing(number: object) -> Exception:
    return Kind.NOT_FOUND.error(f"There is no revision {number}.")
