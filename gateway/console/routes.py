"""The console's routes: a door for each path of its pages, and its files.

It is an edge like the API: it calls the same stories and stores, in this process, and the same table says who may what.
The pages are listed by the groups of the navigation: `calling`, `routing` and `engineering`.
"""

from starlette.routing import BaseRoute, Route

from gateway.console.assets import Assets
from gateway.console.calling import calling_pages, trial_of
from gateway.console.context import ConsoleContext
from gateway.console.door import Page, PageDoor
from gateway.console.engineering import engineering_pages
from gateway.console.rendering import Renderer
from gateway.console.routing import drafting_of, routing_pages
from gateway.console.sign_in import SignIn


def console_routes(context: ConsoleContext) -> list[BaseRoute]:
    """The routes of the console and of its files."""
    assets = Assets()
    sign_in = SignIn(database=context.database, journal=context.journal, guard=context.guard, clock=context.clock)
    renderer = Renderer(assets, context.current, context.clock)
    paths: dict[str, list[Page]] = {}
    for page in pages(context, sign_in):
        paths.setdefault(page.path, []).append(page)
    doors = [Route(path, PageDoor(sign_in, renderer, context.database, at)) for path, at in paths.items()]
    return [assets.route(), *doors]


def pages(context: ConsoleContext, sign_in: SignIn) -> list[Page]:
    """Everything that the console shows and does."""
    drafting, trial = drafting_of(context), trial_of(context)
    return [
        *calling_pages(context, sign_in, drafting, trial),
        *routing_pages(context, drafting, trial),
        *engineering_pages(context),
    ]
