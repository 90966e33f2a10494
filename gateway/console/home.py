"""Home: what is going on now, what came of today's calls, and what somebody should look at."""

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy import Connection
from starlette.responses import Response

from gateway.calls.history import RecordedCall, find_calls
from gateway.calls.masking import mask_call
from gateway.calls.statistics import Group, Key, Span, find_groups
from gateway.calls.stats_contract import stats_of
from gateway.calls.under_way import count_live
from gateway.calls.wanted import Wanted
from gateway.clock import Clock
from gateway.console.door import View
from gateway.console.forms import read_fields
from gateway.console.sign_in import SignIn
from gateway.console.today import OUTCOMES, day_of, today_of
from gateway.console.visit import THEME, THEMES, Visit, go_to, local_path
from gateway.database import Database
from gateway.errors import RequestError
from gateway.rulebook.current import Current
from gateway.rulebook.publish import Publisher
from gateway.rulebook.store import Note, list_revisions
from gateway.upstream.pulse import Pulse
from routing_rules import Problem

# Calls on the home page: what a person takes in at a glance.
LATEST = 12

Troubles = Callable[[], Awaitable[Mapping[str, str]]]

_A_YEAR = 365 * 24 * 3600


class HomePages:
    """`/`, signing in and out, and the choice of the theme."""

    def __init__(
        self,
        *,
        database: Database,
        current: Current,
        publisher: Publisher,
        troubles: Troubles,
        pulse: Pulse,
        sign_in: SignIn,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._database = database
        self._current = current
        self._publisher = publisher
        self._troubles = troubles
        self._pulse = pulse
        self._sign_in = sign_in

    async def show_home(self, visit: Visit) -> View:
        """What is going on."""
        span = day_of(self._clock.now(), visit.zone)
        calls, under_way, revision, groups = await self._database.read(_glance, span, self._clock.now())
        problems = await self._publisher.problems_at_hand()
        context = {
            "today": today_of(stats_of("hour", span, groups), span, visit.zone),
            "outcomes": OUTCOMES,
            "calls": [mask_call(call) for call in calls],
            "under_way": under_way,
            "upstreams": self._pulse.health(),
            "revision": revision,
            "rules": len(self._current.revision.rulebook.rules),
            "problems": [(self._rule(problem), problem) for problem in problems or () if problem.severity != "info"],
            "looking": problems is None,
            "failure": self._current.failure,
            "troubles": await self._troubles(),
        }
        return View("home.html", context)

    def _rule(self, problem: Problem) -> str | None:
        """The rule that a problem is about."""
        _, section, *steps = problem.pointer.split("/")
        rules = self._current.revision.rulebook.rules
        if section != "rules" or not steps or not steps[0].isdecimal() or int(steps[0]) >= len(rules):
            return None
        return rules[int(steps[0])].id

    async def show_sign_in(self, visit: Visit) -> View | Response:
        """Ask for a key."""
        wanted = local_path(visit.parameter("next"))
        return go_to(wanted) if visit.caller else View("sign_in.html", {"next": wanted, "problem": None})

    async def sign_in(self, visit: Visit) -> View | Response:
        """Exchange the key for a session."""
        fields = await read_fields(visit)
        token, wanted = fields.get("key", [""])[0].strip(), local_path(fields.get("next", [""])[0])
        response = go_to(wanted)
        try:
            await self._sign_in.open(visit.request, response, token)
        except RequestError as error:
            return View("sign_in.html", {"next": wanted, "problem": error}, error.status)
        return response

    async def sign_out(self, visit: Visit) -> Response:
        """End the session."""
        response = go_to("/sign-in", "You are signed out.")
        await self._sign_in.close(visit.request, response)
        return response

    async def choose_theme(self, visit: Visit) -> Response:
        """Remember light, dark, or as the system has it."""
        fields = await read_fields(visit)
        chosen = fields.get("theme", [""])[0]
        response = go_to(local_path(fields.get("back", [""])[0]))
        if chosen in THEMES:
            response.set_cookie(THEME, chosen, max_age=_A_YEAR, httponly=True, samesite="strict")
        else:
            response.delete_cookie(THEME, httponly=True, samesite="strict")
        return response


def _glance(
    connection: Connection, span: Span, now: int
) -> tuple[list[RecordedCall], int, Note | None, Mapping[Key, Group]]:
    calls, _ = find_calls(connection, Wanted(), limit=LATEST)
    revisions = list_revisions(connection, limit=1)
    newest = revisions[0] if revisions else None
    return calls, count_live(connection, now), newest, find_groups(connection, "hour", span)
