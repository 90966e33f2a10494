"""Deliveries: what arrived, what became of it, and what was turned away at the door and why."""

from dataclasses import dataclass
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from gateway.calls.reveal import Reveal
from gateway.console.door import View
from gateway.console.engineering_words import REFUSALS, VERDICTS, refusal_word, verdict_word
from gateway.console.forms import Fields, Filled, fill, moment_text, row_number
from gateway.console.visit import Visit
from gateway.database import Database
from gateway.problem_details import Kind
from gateway.reading import Form, Line, QueryMoment, to_micros
from gateway.settings import Settings
from gateway.webhooks.delivery_log import Found, WantedDeliveries, find_deliveries, find_delivery
from gateway.webhooks.refusals import Refusals

# Deliveries on one page.
SHOWN: Final = 50


class DeliverySearch(Form):
    """Which deliveries are wanted."""

    endpoint: Line | None = Field(None, max_length=63)
    """Where they arrived."""

    verdict: Line | None = Field(None, max_length=30)
    """What became of them."""

    webhook_id: Line | None = Field(None, max_length=256)
    """The sender's id, whole."""

    repeated: bool = False
    """Those that came more than once."""

    conflicting: bool = False
    """Those that came again with another body."""

    since: QueryMoment | None = None
    """Received then or later."""

    until: QueryMoment | None = None
    """Received before then."""

    before: int | None = Field(None, ge=1, lt=2**63)
    """Where the page begins: behind this one."""

    def wanted(self) -> WantedDeliveries:
        """The same for the log."""
        said = self.model_dump(exclude={"since", "until", "before"})
        return WantedDeliveries(**said, since=to_micros(self.since), until=to_micros(self.until))


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryPages:
    """`/deliveries`."""

    settings: Settings
    database: Database
    refusals: Refusals  # of this process
    reveal: Reveal

    async def list_deliveries(self, visit: Visit) -> View:
        """Search what arrived; the search is the address."""
        filled = _read_search(visit)
        found = Found([], None)
        if filled.form is not None:
            found = await self.database.read(self._find, filled.form)
        context = {
            "filled": filled,
            "filters": {name: value for name, value in filled.said.items() if value and name != "before"},
            "found": found,
            "endpoints": list(self.settings.endpoints),
            "verdicts": VERDICTS,
            "verdict": verdict_word,
            "refused": self.refusals.counts(),
            "refusal": refusal_word,
        }
        return View("deliveries.html", context, 200 if filled.form else 422)

    async def list_refused(self, visit: Visit) -> View:
        """What was turned away, by reason."""
        why = visit.parameter("why") or None
        if why is not None and why not in REFUSALS:
            raise Kind.NOT_FOUND.error(f"Nothing is ever refused for {why!r}.")
        context = {
            "why": why,
            "refused": self.refusals.latest(why)[:SHOWN],
            "counts": self.refusals.counts(),
            "refusal": refusal_word,
            "known": frozenset(self.settings.endpoints),
        }
        return View("refused.html", context)

    async def show_delivery(self, visit: Visit) -> View:
        """One delivery, and its body where that could not be used; looking at it is remembered."""
        number = row_number(visit.request.path_params["id"])
        found = await self.database.read(find_delivery, number) if number else None
        if found is None:
            raise Kind.NOT_FOUND.error("There is no such delivery; it may have been erased.")
        delivery, body = found
        revealed = visit.parameter("reveal") == "true" and body is not None
        if revealed:
            await self.reveal.mask(visit.request, reveal=True, of=f"delivery:{number}")
        context = {
            "delivery": delivery,
            "verdict": verdict_word,
            "size": None if body is None else len(body),
            "body": body.decode("utf-8", "backslashreplace") if body is not None and revealed else None,
        }
        return View("delivery.html", context)

    def _find(self, connection: Connection, search: DeliverySearch) -> Found:
        endpoints = self.settings.endpoints
        return find_deliveries(connection, search.wanted(), endpoints=endpoints, limit=SHOWN, before=search.before)


def _read_search(visit: Visit) -> Filled[DeliverySearch]:
    """The search that the address holds; times without an offset are the viewer's."""
    said = {name: value.strip() for name, value in visit.request.query_params.items()}
    typed = {
        name: moment_text(value, visit.zone) if name in ("since", "until") else value for name, value in said.items()
    }
    filled = fill(DeliverySearch, typed)
    return Filled(said=Fields(said), form=filled.form, mistakes=filled.mistakes)
