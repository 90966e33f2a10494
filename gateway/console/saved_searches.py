"""Saving searches of call history under a name, for oneself or for everybody.

What tells of callers is not kept, since it would outlive the erasure of a caller; nor are times, which are chosen anew.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import Field
from starlette.responses import Response

from gateway.calls.filters import CallsFilter
from gateway.clock import Clock
from gateway.console.forms import fill, read_fields
from gateway.console.rendering import url
from gateway.console.rules import caller_of
from gateway.console.saved_search_store import SavedSearch, find_searches, forget_searches, save_searches
from gateway.console.visit import Visit, go_to
from gateway.database import Database
from gateway.journal import Journal
from gateway.problem_details import Kind
from gateway.reading import Form, Line

# The filters that are kept.
KEPT: Final = ("state", "decision", "rule", "profile", "endpoint", "called", "country")

# Searches of one key; more than that nobody finds again.
MOST: Final = 50


class Naming(Form):
    """How a search is saved."""

    name: Line = Field(min_length=1, max_length=60)
    """Its name."""

    shared: bool = False
    """Offer it to everybody."""


class SavedSearchPages:
    """`/calls/saved`."""

    def __init__(self, *, database: Database, journal: Journal, clock: Clock) -> None:
        self._database = database
        self._journal = journal
        self._clock = clock

    async def save_search(self, visit: Visit) -> Response:
        """Save the filters of a search."""
        fields = {name: values[0].strip() for name, values in (await read_fields(visit)).items()}
        caller = caller_of(visit)
        naming = fill(Naming, {name: fields.get(name, "") for name in Naming.model_fields})
        filters = filters_to_keep(fields)
        search = fill(CallsFilter, filters)
        if naming.form is None or search.form is None or not filters:
            told = [f"{name} {detail}" for name, detail in (naming.mistakes | search.mistakes).items()]
            raise Kind.INVALID.error("; ".join(told) or "There is no filter to be saved: choose one first.")
        known = [one for one in await self._database.read(find_searches, caller.key_id) if one.owner == caller.key_id]
        is_known = naming.form.name in {one.name for one in known}
        if len(known) >= MOST and not is_known:
            raise Kind.INVALID.error(f"You have {MOST} saved searches; forget one first.")
        saved = SavedSearch(
            owner=caller.key_id,
            owner_name=caller.name,
            name=naming.form.name,
            shared=naming.form.shared,
            filters=filters,
            saved_at=self._clock.now(),
        )
        await self._journal.write(save_searches, saved)
        done = "is saved, in place of yours of that name" if is_known else "is saved"
        return go_to(url("/calls", **filters), f"The search “{saved.name}” {done}.")

    async def forget_search(self, visit: Visit) -> Response:
        """Forget a search of one's own."""
        name = (await read_fields(visit)).get("name", [""])[0]
        if not await self._journal.write(forget_searches, (caller_of(visit).key_id, name)):
            raise Kind.NOT_FOUND.error(f"You have no saved search {name!r}.")
        return go_to("/calls", f"The search “{name}” is forgotten.")


def filters_to_keep(said: Mapping[str, str]) -> dict[str, str]:
    """What of a search is kept."""
    return {name: said[name] for name in KEPT if said.get(name)}
