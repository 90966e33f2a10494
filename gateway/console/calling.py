"""The pages about calls: the way in, what happens now, history, and trying a call that nobody made."""

from gateway.access.roles import Permission
from gateway.calls.export_routes import ExportRoutes
from gateway.calls.reveal import Reveal
from gateway.console.calls import CallPages
from gateway.console.context import ConsoleContext
from gateway.console.door import Page
from gateway.console.home import HomePages
from gateway.console.live import LivePages
from gateway.console.sign_in import SignIn
from gateway.console.trying import TrialPages
from gateway.rulebook.hindsight import Hindsight
from gateway.rulebook.trial import Trial


def calling_pages(context: ConsoleContext, sign_in: SignIn) -> list[Page]:
    """Everything below "Calls" in the navigation, and the way in."""
    read, test = Permission.READ_CALLS, Permission.TRY_CALLS
    home = _home_pages(context, sign_in)
    live = LivePages(feed=context.feed, clock=context.clock)
    calls = _call_pages(context)
    trial = _trial_pages(context)
    return [
        Page("GET", "/sign-in", None, home.show_sign_in),
        Page("POST", "/sign-in", None, home.sign_in),
        Page("POST", "/sign-out", None, home.sign_out),
        Page("POST", "/theme", None, home.choose_theme),
        Page("GET", "/", read, home.show_home),
        Page("GET", "/live", read, live.follow),
        Page("GET", "/calls", read, calls.list_calls),
        Page("GET", "/calls/export", read, calls.export_calls),
        Page("GET", "/calls/{call_id}", read, calls.show_call),
        Page("GET", "/test", test, trial.show_trial),
        Page("POST", "/test", test, trial.try_call),
    ]


def _home_pages(context: ConsoleContext, sign_in: SignIn) -> HomePages:
    return HomePages(
        database=context.database,
        current=context.current,
        publisher=context.publisher,
        troubles=context.troubles,
        pulse=context.pulse,
        sign_in=sign_in,
        clock=context.clock,
    )


def _call_pages(context: ConsoleContext) -> CallPages:
    reveal = Reveal(journal=context.journal, clock=context.clock)
    return CallPages(
        database=context.database,
        current=context.current,
        hindsight=Hindsight(database=context.database, current=context.current),
        reveal=reveal,
        exports=ExportRoutes(database=context.database, reveal=reveal),
    )


def _trial_pages(context: ConsoleContext) -> TrialPages:
    trial = Trial(
        settings=context.settings,
        current=context.current,
        refer_guard=context.refer_guard,
        usage=context.usage,
        clock=context.clock,
    )
    return TrialPages(
        settings=context.settings,
        current=context.current,
        trial=trial,
        read_event=context.read_event,
        clock=context.clock,
    )
