"""Bulk import of a list: a file is read as it arrives, looked at, and then added to the list or put in its place.

Nothing is taken of a file with a line that cannot be read; the bad lines can be had as a file of their own.
"""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from secrets import token_urlsafe
from typing import Any, Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from gateway.access.guard import Caller
from gateway.calls.export import without_formula
from gateway.clock import Clock
from gateway.console.door import View
from gateway.console.drafting import Drafted
from gateway.console.forms import Fields, read_fields
from gateway.console.items import NEW, Sent, first, told_together
from gateway.console.lists import ListPages
from gateway.console.rendering import thousands
from gateway.console.rules import caller_of
from gateway.console.upload import MOST_BAD, Upload, added, compare
from gateway.console.upload_store import Received, find_upload, store_uploads
from gateway.console.visit import Visit, go_to
from gateway.console.work import Step, Work
from gateway.database import Database
from gateway.journal import Journal
from gateway.problem_details import Kind
from gateway.reading import content_type, read_chunks
from gateway.rulebook.list_csv import CsvReader
from routing_rules import DocumentError
from routing_rules.problem import ReadingError
from routing_rules.reading import slug

# A million numbers.
LARGEST: Final = 16 * 1024 * 1024

# Bytes that are read at once: some thousand lines, between which ringing calls are answered.
PIECE: Final = 64 * 1024

# Entries and bad lines that the page shows.
SHOWN: Final = 12


class ImportPages:
    """`/lists/{name}/import`."""

    def __init__(self, *, lists: ListPages, database: Database, journal: Journal, clock: Clock) -> None:
        self._lists = lists
        self._database = database
        self._journal = journal
        self._clock = clock

    async def show_import(self, visit: Visit) -> View:
        """Where a file is chosen."""
        _, name = await self._lists.wanted(visit)
        return View("import.html", _asking(name, Fields(), Fields()))

    async def receive_file(self, visit: Visit) -> View | Work[View | Response]:
        """Read a file, and show what it would change."""
        _, address = await self._lists.wanted(visit)
        file, said = await _parts(visit)
        name = said["name"].strip() if address == NEW else address
        wrong = Fields()
        try:
            slug(name)
        except ReadingError as mistake:
            wrong["name"] = f"must be {mistake}"
        if file is None or not file.filename:
            wrong["file"] = "choose a file"
        if wrong or file is None:
            if file is not None:
                await file.close()
            return View("import.html", _asking(address, said, wrong), 422)
        return Work(steps=self._read(caller_of(visit), name, file))

    async def _read(self, caller: Caller, name: str, file: UploadFile) -> AsyncIterator[Step | View | Response]:
        reader, size, read = CsvReader(), file.size or 0, 0
        while piece := await file.read(PIECE):
            await asyncio.to_thread(reader.feed, piece)
            yield Step(told="Reading the lines", done=(read := read + len(piece)), of=size)
        await file.close()
        upload = await asyncio.to_thread(_upload, file.filename or "", reader)
        received = Received(caller.key_id, name, token_urlsafe(9), upload, self._clock.now())
        await self._journal.write(store_uploads, received)
        yield go_to(f"/lists/{name}/import/{received.id}")

    async def show_file(self, visit: Visit) -> View:
        """What a file would change."""
        drafted, upload = await self._found(visit)
        return await self._preview(visit, drafted, upload, "")

    async def take_file(self, visit: Visit) -> View | Response | Work[View | Response]:
        """Put what a file says into the draft, or throw it away."""
        drafted, upload = await self._found(visit)
        name = visit.request.path_params["name"]
        fields = await read_fields(visit)
        act = first(fields, "act")
        if act in ("add", "replace"):
            if upload.bad_count:
                return await self._preview(visit, drafted, upload, "nothing is taken of a file with bad lines", 422)
            return Work(steps=self._take(visit, drafted, upload, fields))
        await self._forget(visit)
        if act == "cancel":
            return go_to(f"/lists/{name}" if name in self._lists.items(drafted) else "/lists")
        return go_to(f"/lists/{name}")

    async def _take(
        self, visit: Visit, drafted: Drafted, upload: Upload, fields: Sent
    ) -> AsyncIterator[Step | View | Response]:
        name, caller = visit.request.path_params["name"], caller_of(visit)
        there = self._lists.items(drafted).get(name, ())
        yield Step(told=f"Comparing with the {thousands(len(there))} that are there", done=0, of=3)
        replaces = first(fields, "act") == "replace"
        value = list(upload.entries) if replaces else await asyncio.to_thread(added, there, upload.entries)
        yield Step(told=f"Checking {thousands(len(value))} entries, and putting them into your draft", done=1, of=3)
        try:
            await self._lists.put(caller, drafted, name, value, fields)
        except DocumentError as error:
            yield await self._preview(visit, drafted, upload, told_together(error.problems), 422)
            return
        yield Step(told="Clearing up", done=2, of=3)
        await self._forget(visit)
        yield go_to(f"/lists/{name}", f"List {name} is in your draft: {thousands(len(value))} entries.")

    async def export_mistakes(self, visit: Visit) -> Response:
        """The lines that cannot be read, as a file: line, text, why."""
        _, upload = await self._found(visit)
        text = io.StringIO(newline="")
        rows = csv.writer(text)
        rows.writerow(("line", "text", "why"))
        rows.writerows((bad.line, without_formula(bad.text), without_formula(bad.detail)) for bad in upload.bad)
        headers = {
            "content-disposition": f'attachment; filename="{visit.request.path_params["name"]}-mistakes.csv"',
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        return Response(text.getvalue().encode("utf-8-sig"), headers=headers, media_type="text/csv")

    async def _found(self, visit: Visit) -> tuple[Drafted, Upload]:
        parameters, caller = visit.request.path_params, caller_of(visit)
        upload = await self._database.read(find_upload, caller.key_id, parameters["name"], parameters["id"])
        if upload is None:
            raise Kind.NOT_FOUND.error("This file was taken already, or another took its place: send it again.")
        return await self._lists.drafted(visit), upload

    async def _forget(self, visit: Visit) -> None:
        parameters = visit.request.path_params
        gone = Received(caller_of(visit).key_id, parameters["name"], parameters["id"], None, self._clock.now())
        await self._journal.write(store_uploads, gone)

    async def _preview(self, visit: Visit, drafted: Drafted, upload: Upload, told: str, status: int = 200) -> View:
        name = visit.request.path_params["name"]
        there = self._lists.items(drafted).get(name)
        context = {
            "name": name,
            "id": visit.request.path_params["id"],
            "upload": upload,
            "there": None if there is None else len(there),
            "compared": await asyncio.to_thread(compare, upload.entries, there or ()),
            "edited": "" if there is None else str(await self._lists.edited(drafted, name) or ""),
            "told": told,
            "shown": SHOWN,
            "most_bad": MOST_BAD,
        }
        return View("import_preview.html", context, status)


def _asking(name: str, said: Fields, wrong: Fields) -> Mapping[str, Any]:
    return {"name": name, "said": said, "wrong": wrong, "largest": LARGEST // 1024 // 1024}


async def _parts(visit: Visit) -> tuple[UploadFile | None, Fields]:
    """The file and the fields of a form that was sent with one. Raises RequestError (400, 413, 415)."""
    content_type(visit.request, ["multipart/form-data"])
    parser = MultiPartParser(visit.request.headers, _stream(visit), max_files=1, max_fields=10, max_part_size=1_000)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Kind.MALFORMED.error(f"the form cannot be read: {error.message}") from None
    file = form.get("file")
    said = Fields({name: value for name, value in form.items() if isinstance(value, str)})
    return file if isinstance(file, UploadFile) else None, said


async def _stream(visit: Visit) -> AsyncGenerator[bytes, None]:
    async for chunk in read_chunks(visit.request, LARGEST):
        yield chunk


def _upload(file: str, reader: CsvReader) -> Upload:
    entries, bad = reader.finish()
    return Upload(
        file=file[:200],
        entries=tuple(entries),
        repeated=reader.repeated,
        bad=tuple(bad[:MOST_BAD]),
        bad_count=len(bad),
    )
