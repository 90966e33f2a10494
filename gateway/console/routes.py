"""The console's routes: a door for each path of its pages, and its files.

It is an edge like the API: it calls the same stories and stores, in this process, and the same table says who may what.
The pages are listed by the groups of the navigation: `calling`, `routing` and `engineering`.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from gateway.console.assets import Assets
from gateway.console.calling import calling_pages, trial_of
from gateway.console.context import ConsoleContext
from gateway.console.door import Page, PageDoor, View
from gateway.console.engineering import engineering_pages
from gateway.console.rendering import Renderer
from gateway.console.routing import drafting_of, routing_pages
from gateway.console.sign_in import SignIn
from gateway.console.visit import Visit


async def find_no_page(visit: Visit) -> View:
    """What stands at an address that nobody knows."""
    raise HTTPException(404)


NO_PAGE: Final = Page("GET", "/{path:path}", None, find_no_page)


class Nowhere(Route):
    """Every address that nothing else answers, for people only: what asks for no page gets a bare 404 or 405."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        if match is Match.FULL and "text/html" in Headers(scope=scope).get("accept", ""):
            return match, child
        return Match.NONE, {}


def console_routes(context: ConsoleContext) -> list[BaseRoute]:
    """The routes of the console and of its files."""
    assets = Assets()
    sign_in = SignIn(database=context.database, journal=context.journal, guard=context.guard, clock=context.clock)
    renderer = Renderer(assets, context.current, context.clock)
    paths: dict[str, list[Page]] = {}
    for page in pages(context, sign_in):
        paths.setdefault(page.path, []).append(page)
    doors = [Route(path, PageDoor(sign_in, renderer, context.database, at)) for path, at in paths.items()]
    lost = PageDoor(sign_in, renderer, context.database, [NO_PAGE])
    nowhere = Nowhere(NO_PAGE.path, lost, methods=[NO_PAGE.method])
    return [assets.route(), *doors, nowhere]


def pages(context: ConsoleContext, sign_in: SignIn) -> list[Page]:
    """Everything that the console shows and does."""
    drafting, trial = drafting_of(context), trial_of(context)
    return [
        *calling_pages(context, sign_in, drafting, trial),
        *routing_pages(context, drafting, trial),
        *engineering_pages(context),
    ]
