"""The plans of the rules in force: made once each, not once per call, and which of them the database has."""

from datetime import datetime

from gateway.actions.plan import digest, make_plan
from gateway.calls.store import own_plan_key
from gateway.endpoint import Surface
from gateway.profiles.variables import Call, Rendering
from gateway.rulebook.current import Compiled
from gateway.webhooks.ringing import Planned
from routing_rules import CallFacts, Verdict


class Plans:
    """The plans of the current revision, each made once, and which of them the database has.

    A plan whose words speak of the call (see `gateway.profiles.variables`) is made for each call anew.
    """

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        self._made: dict[tuple[str | None, Surface], Planned] = {}
        self._stored: set[bytes] = set()

    def plan(self, compiled: Compiled, verdict: Verdict, facts: CallFacts, now: datetime, surface: Surface) -> Planned:
        """The plan of a decision by `compiled`."""
        if compiled is not self._compiled:
            self._compiled, self._made, self._stored = compiled, {}, set()
        planned = self._made.get((verdict.rule, surface))
        if planned is None:
            call = Rendering(Call(facts, now, compiled.table.resources.lists.holding))
            plan = make_plan(verdict.decision, compiled.rulebook, call, surface=surface)
            document = plan.encode()
            key = own_plan_key(facts.call_id) if call.used else digest(document)
            planned = Planned(plan=plan, document=document, digest=key, shared=not call.used)
            if planned.shared:
                self._made[verdict.rule, surface] = planned
        return planned

    def is_new(self, planned: Planned) -> bool:
        """Whether the database may not have this plan."""
        return planned.digest not in self._stored

    def stored(self, planned: Planned) -> None:
        """A commit that held this plan, or came after it, is done."""
        if planned.shared:
            self._stored.add(planned.digest)
