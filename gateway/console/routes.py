"""The console: what it needs, and the flat list of everything that it shows and does.

It is an edge like the API: it calls the same stories and stores, in this process, and the same table says who may what.
"""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.routing import BaseRoute, Route

from gateway.access.guard import Guard
from gateway.access.roles import Permission
from gateway.clock import Clock
from gateway.console.assets import Assets
from gateway.console.calls import CallPages
from gateway.console.door import Page, PageDoor
from gateway.console.engineering import Engine, engineering_pages
from gateway.console.home import HomePages, Troubles
from gateway.console.rendering import Renderer
from gateway.console.sign_in import SignIn
from gateway.console.trying import TrialPages
from gateway.database import Database
from gateway.journal import Journal
from gateway.rulebook.current import Current
from gateway.rulebook.hindsight import Hindsight
from gateway.rulebook.publish import Publisher
from gateway.rulebook.trial import ReadEvent, Trial
from gateway.settings import Settings
from routing_rules import Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleContext:
    """What the console needs of the gateway."""

    settings: Settings
    database: Database
    journal: Journal
    guard: Guard
    current: Current  # the revision in force
    refer_guard: Callable[[str], str | None]  # why a transfer target is refused
    usage: Usage  # what is in use now
    clock: Clock
    troubles: Troubles  # what keeps the gateway from taking calls
    read_event: ReadEvent  # of a pasted webhook
    engine: Engine  # what engineers look at


def console_routes(context: ConsoleContext) -> list[BaseRoute]:
    """The routes of the console and of its files."""
    assets = Assets()
    sign_in = SignIn(database=context.database, journal=context.journal, guard=context.guard, clock=context.clock)
    renderer = Renderer(assets, context.clock)
    paths: dict[str, list[Page]] = {}
    for page in pages(context, sign_in):
        paths.setdefault(page.path, []).append(page)
    doors = [Route(path, PageDoor(sign_in, renderer, at)) for path, at in paths.items()]
    return [assets.route(), *doors]


def pages(context: ConsoleContext, sign_in: SignIn) -> list[Page]:
    """Everything that the console shows and does."""
    database, current = context.database, context.current
    publisher = Publisher(
        settings=context.settings,
        database=database,
        journal=context.journal,
        current=current,
        refer_guard=context.refer_guard,
        clock=context.clock,
    )
    trial = Trial(
        settings=context.settings,
        current=current,
        refer_guard=context.refer_guard,
        usage=context.usage,
        clock=context.clock,
    )
    home = HomePages(
        database=database,
        current=current,
        publisher=publisher,
        troubles=context.troubles,
        sign_in=sign_in,
        clock=context.clock,
    )
    calls = CallPages(database=database, current=current, hindsight=Hindsight(database=database, current=current))
    test = TrialPages(
        settings=context.settings, current=current, trial=trial, read_event=context.read_event, clock=context.clock
    )
    read_calls = Permission.READ_CALLS
    return [
        Page("GET", "/sign-in", None, home.show_sign_in),
        Page("POST", "/sign-in", None, home.sign_in),
        Page("POST", "/sign-out", None, home.sign_out),
        Page("POST", "/theme", None, home.choose_theme),
        Page("GET", "/", read_calls, home.show_home),
        Page("GET", "/calls", read_calls, calls.list_calls),
        Page("GET", "/calls/{call_id}", read_calls, calls.show_call),
        Page("GET", "/test", Permission.TRY_CALLS, test.show_trial),
        Page("POST", "/test", Permission.TRY_CALLS, test.try_call),
        *engineering_pages(
            context.engine,
            settings=context.settings,
            database=database,
            journal=context.journal,
            guard=context.guard,
            clock=context.clock,
        ),
    ]
