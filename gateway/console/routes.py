"""The console: what it needs, and the flat list of everything that it shows and does.

It is an edge like the API: it calls the same stories and stores, in this process, and the same table says who may what.
"""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.routing import BaseRoute, Route

from gateway.access.guard import Guard
from gateway.access.roles import Permission
from gateway.calls.export_routes import ExportRoutes
from gateway.calls.feed import Feed
from gateway.calls.reveal import Reveal
from gateway.clock import Clock
from gateway.console.assets import Assets
from gateway.console.calendars import CalendarPages
from gateway.console.calls import CallPages
from gateway.console.door import Page, PageDoor
from gateway.console.drafting import Drafting
from gateway.console.engineering import engineering_pages
from gateway.console.home import HomePages, Troubles
from gateway.console.items import ItemPages
from gateway.console.lists import ListPages
from gateway.console.live import LivePages
from gateway.console.overrides import OverridePages
from gateway.console.profiles import ProfilePages
from gateway.console.rendering import Renderer
from gateway.console.review import ReviewPages
from gateway.console.revisions import RevisionPages
from gateway.console.rules import RulePages
from gateway.console.sign_in import SignIn
from gateway.console.trying import TrialPages
from gateway.console.used_by import UsedBy
from gateway.database import Database
from gateway.journal import Journal
from gateway.rulebook.current import Current
from gateway.rulebook.hindsight import Hindsight
from gateway.rulebook.overriding import Overriding
from gateway.rulebook.publish import Publisher
from gateway.rulebook.replay import Replay
from gateway.rulebook.trial import ReadEvent, Trial
from gateway.settings import Settings
from gateway.upstream.client import Upstream
from gateway.upstream.pulse import Pulse
from gateway.webhooks.keyring import Keyring
from gateway.webhooks.refusals import Refusals
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
    upstream: Upstream
    keyring: Keyring
    refusals: Refusals  # what this process refused lately
    node: str  # the name of this process
    feed: Feed  # what happens to calls
    pulse: Pulse  # how the upstreams do lately


def console_routes(context: ConsoleContext) -> list[BaseRoute]:
    """The routes of the console and of its files."""
    assets = Assets()
    sign_in = SignIn(database=context.database, journal=context.journal, guard=context.guard, clock=context.clock)
    renderer = Renderer(assets, context.current, context.clock)
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
        pulse=context.pulse,
        sign_in=sign_in,
        clock=context.clock,
    )
    live = LivePages(feed=context.feed, clock=context.clock)
    calls = CallPages(
        database=database,
        current=current,
        hindsight=Hindsight(database=database, current=current),
        reveal=(reveal := Reveal(journal=context.journal, clock=context.clock)),
        exports=ExportRoutes(database=database, reveal=reveal),
    )
    test = TrialPages(
        settings=context.settings, current=current, trial=trial, read_event=context.read_event, clock=context.clock
    )
    drafting = Drafting(
        settings=context.settings,
        database=database,
        journal=context.journal,
        current=current,
        publisher=publisher,
        replay=Replay(database=database, current=current, refer_guard=context.refer_guard),
        refer_guard=context.refer_guard,
        clock=context.clock,
    )
    rules = RulePages(settings=context.settings, database=database, publisher=publisher, drafting=drafting)
    review = ReviewPages(drafting)
    revisions = RevisionPages(database=database, publisher=publisher)
    overrides = OverridePages(
        database=database,
        current=current,
        overriding=Overriding(
            database=database,
            journal=context.journal,
            current=current,
            refer_guard=context.refer_guard,
            clock=context.clock,
        ),
    )
    engineering = engineering_pages(
        settings=context.settings,
        database=database,
        journal=context.journal,
        guard=context.guard,
        keyring=context.keyring,
        upstream=context.upstream,
        refusals=context.refusals,
        node=context.node,
        clock=context.clock,
    )
    read_calls, read_rules, publish = Permission.READ_CALLS, Permission.READ_RULEBOOK, Permission.PUBLISH
    return [
        Page("GET", "/sign-in", None, home.show_sign_in),
        Page("POST", "/sign-in", None, home.sign_in),
        Page("POST", "/sign-out", None, home.sign_out),
        Page("POST", "/theme", None, home.choose_theme),
        Page("GET", "/", read_calls, home.show_home),
        Page("GET", "/live", read_calls, live.follow),
        Page("GET", "/calls", read_calls, calls.list_calls),
        Page("GET", "/calls/export", read_calls, calls.export_calls),
        Page("GET", "/calls/{call_id}", read_calls, calls.show_call),
        Page("GET", "/test", Permission.TRY_CALLS, test.show_trial),
        Page("POST", "/test", Permission.TRY_CALLS, test.try_call),
        Page("GET", "/rules", read_rules, rules.list_rules),
        Page("POST", "/rules/act", publish, rules.act_on_rule),
        Page("GET", "/rules/number", read_rules, rules.read_number),
        Page("GET", "/rules/new", publish, rules.show_rule),
        Page("POST", "/rules/new", publish, rules.save_rule),
        Page("GET", "/rules/{id}", read_rules, rules.show_rule),
        Page("POST", "/rules/{id}", publish, rules.save_rule),
        Page("GET", "/draft", publish, review.show_draft),
        Page("GET", "/draft/replay", publish, review.replay_draft),
        Page("POST", "/draft/undo", publish, review.undo_change),
        Page("POST", "/draft/discard", publish, review.discard_draft),
        Page("POST", "/draft/settle", publish, review.settle_conflict),
        Page("POST", "/draft/publish", publish, review.publish_draft),
        Page("GET", "/revisions", read_rules, revisions.list_revisions),
        Page("GET", "/revisions/{number}", read_rules, revisions.show_revision),
        Page("POST", "/revisions/{number}/restore", publish, revisions.restore_revision),
        Page("GET", "/rulebook.toml", read_rules, revisions.export_rulebook),
        *_named_pages(database, drafting, context.clock),
        Page("GET", "/overrides", read_rules, overrides.list_overrides),
        Page("POST", "/overrides", publish, overrides.add_override),
        Page("POST", "/overrides/{id}/end", publish, overrides.end_override),
        *engineering,
    ]


def _named_pages(database: Database, drafting: Drafting, clock: Clock) -> list[Page]:
    """The pages of what rules refer to by name."""
    used_by, publish = UsedBy(), Permission.PUBLISH
    profiles = ProfilePages(database=database, drafting=drafting, used_by=used_by, clock=clock)
    calendars = CalendarPages(database=database, drafting=drafting, used_by=used_by, clock=clock)
    lists = ListPages(database=database, drafting=drafting, used_by=used_by, clock=clock)
    return [
        Page("POST", "/profiles/new/form", publish, profiles.change_form),
        Page("POST", "/profiles/{name}/form", publish, profiles.change_form),
        *(page for section in (profiles, calendars, lists) for page in _item_pages(section)),
    ]


def _item_pages(items: ItemPages) -> list[Page]:
    read, publish, path = Permission.READ_RULEBOOK, Permission.PUBLISH, f"/{items.section}"
    return [
        Page("GET", path, read, items.list_items),
        Page("GET", f"{path}/new", publish, items.show_item),
        Page("POST", f"{path}/new", publish, items.save_item),
        Page("GET", f"{path}/{{name}}", read, items.show_item),
        Page("POST", f"{path}/{{name}}", publish, items.save_item),
    ]
