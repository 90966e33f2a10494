"""The API's operation on profiles that are not in a rulebook yet."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.answering import answer
from gateway.clock import Clock, to_datetime
from gateway.profiles.contract import UpgradeQuestion, upgraded_of
from gateway.profiles.legacy import upgrade
from gateway.profiles.problems import find_problems_of


class ProfileRoutes:
    """`/profile-upgrades`."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def upgrade_profile(self, request: Request, body: UpgradeQuestion) -> Response:
        """Turn a session object of the beta into a profile of today.

        The only place that takes the beta's fields; everywhere else they are mistakes. Nothing is stored: put the
        profile into the rulebook as any other.
        """
        upgraded = upgrade(body.session)
        today = to_datetime(self._clock.now()).date()
        return answer(upgraded_of(upgraded, list(find_problems_of({"": upgraded.profile}, "", {}, today))))
