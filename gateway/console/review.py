"""Review and publish: what a draft changes, what is wrong with it, which past calls it would send elsewhere."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final

from starlette.responses import Response

from gateway.access.guard import author_of
from gateway.collector import uncollected
from gateway.console.door import View
from gateway.console.drafting import Drafted, Drafting
from gateway.console.forms import Fields, fill, read_fields, row_number
from gateway.console.replays import REPLAYED, Replays
from gateway.console.rules import caller_of
from gateway.console.visit import Visit, go_to
from gateway.reading import TOML
from gateway.rulebook.file_form import write_toml
from gateway.rulebook.precondition import MatchError
from gateway.rulebook.publication_contract import EditQuery
from gateway.rulebook.publish import ManagedError, PendingError, StaleBaseError
from gateway.rulebook.refusals import refused
from gateway.rulebook.revision_contract import MOST_CHANGES, shown_change
from routing_rules import DocumentError, write_document

# Calls of a replay on one page.
LISTED: Final = 50

# What is said when a draft is published.
SAID: Final = ("comment", "reason", "confirm_within")


class ReviewPages:
    """`/draft`."""

    def __init__(self, drafting: Drafting, replays: Replays) -> None:
        self._drafting = drafting
        self._replays = replays

    async def show_draft(self, visit: Visit) -> View:
        """What publishing would do."""
        return await self._show(visit, {}, Fields())

    async def replay_draft(self, visit: Visit) -> View | Response:
        """Which past calls would go elsewhere: how far the replay is, or what came of it."""
        drafted = await self._drafting.read(caller_of(visit))
        if drafted.problems:
            return go_to("/draft")  # which tells what must be mended first
        replayed = await self._replays.look(drafted, row_number(visit.parameter("until")))
        begin = max(1, row_number(visit.parameter("begin")) or 1)
        context = {
            "replayed": replayed,
            "most": REPLAYED,
            "items": replayed.items[begin - 1 : begin - 1 + LISTED],
            "begin": begin,
            "listed": LISTED,
        }
        return View("replay.html", context)

    async def export_draft(self, visit: Visit) -> Response:
        """The rulebook as the draft would make it, as a file."""
        drafted = await self._drafting.read(caller_of(visit))
        text = await asyncio.to_thread(_as_toml, drafted)
        headers = {"content-disposition": 'attachment; filename="draft.toml"', "cache-control": "no-store"}
        return Response(text, headers=headers, media_type=TOML)

    async def undo_change(self, visit: Visit) -> Response:
        """Take the last change back."""
        fields = await read_fields(visit)
        await self._drafting.undo(caller_of(visit))
        back = fields.get("back", ["/draft"])[-1]
        return go_to(back if back.startswith(("/rules", "/draft")) else "/draft")

    async def discard_draft(self, visit: Visit) -> Response:
        """Throw the draft away."""
        await self._drafting.discard(caller_of(visit))
        return go_to("/rules", "Your draft is gone. Nothing of it was published.")

    async def settle_conflict(self, visit: Visit) -> Response:
        """Settle a conflict: mine, theirs or both."""
        fields = await read_fields(visit)
        path, choice = fields.get("path", [""])[0], fields.get("choice", [""])[0]
        caller = caller_of(visit)
        drafted = await self._drafting.read(caller)
        conflict = next((one for one in await self._drafting.conflicts(drafted.draft) if one.path == path), None)
        if conflict is None:
            return go_to("/draft")
        if choice == "theirs":
            await self._drafting.drop_item(caller, path)
        else:
            value = conflict.merged if choice == "both" else None
            await self._drafting.keep_mine(caller, path, conflict.edited, value)
        return go_to("/draft", f"{conflict.name}: {'both changes are' if choice == 'both' else choice + ' is'} kept.")

    async def publish_draft(self, visit: Visit) -> View | Response:
        """Publish the draft."""
        fields = await read_fields(visit)
        said = {name: text for name in SAID if (text := fields.get(name, [""])[0].strip())}
        filled = fill(EditQuery, {**said, "force": "true" if "force" in fields else ""})
        if filled.form is None:
            return await self._show(visit, said, filled.mistakes, 422)
        try:
            released = await self._drafting.publish(caller_of(visit), filled.form.signed(author_of(visit.request)))
        except (ManagedError, PendingError) as error:
            raise refused(error) from None
        except (DocumentError, StaleBaseError, MatchError):
            return await self._show(visit, said, Fields(), 409)
        return go_to("/rules", f"Revision {released.number} is in force{', for now' if released.pending else ''}.")

    async def _show(self, visit: Visit, said: Mapping[str, str], wrong: Fields, status: int = 200) -> View:
        drafted: Drafted = await self._drafting.read(caller_of(visit))
        conflicts = await self._drafting.conflicts(drafted.draft)
        reviewed = await self._drafting.review(drafted)
        context = {
            "drafted": drafted,
            "conflicts": conflicts,
            "reviewed": reviewed,
            "changes": [shown_change(change) for change in reviewed.changes[:MOST_CHANGES]],
            "moves": _moves(drafted, {change.name for change in reviewed.changes[:MOST_CHANGES] if change.moved}),
            "said": Fields(said),
            "wrong": wrong,
        }
        return View("draft.html", context, status)


def _moves(drafted: Drafted, names: Collection[str]) -> dict[str, tuple[int, int]]:
    """From which place in the order to which the rules of these names move, counted from 1."""
    if not names:
        return {}
    was, now = (
        {rule.id: place for place, rule in enumerate(rulebook.rules, 1) if rule.id in names}
        for rulebook in (drafted.current.rulebook, drafted.rulebook)
    )
    return {name: (was[name], now[name]) for name in names}


def _as_toml(drafted: Drafted) -> str:
    with uncollected():
        return write_toml(write_document(drafted.rulebook), drafted.current.number)
