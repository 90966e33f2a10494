"""The pages about calls: the way in, what happens now, history, and trying a call that nobody made."""

from gateway.access.roles import Permission
from gateway.actions.routes import ControlRoutes
from gateway.calls.export_routes import ExportRoutes
from gateway.calls.reveal import Reveal
from gateway.console.call import CallPage
from gateway.console.calls import CallPages
from gateway.console.commanding import CommandPages
from gateway.console.context import ConsoleContext
from gateway.console.door import Page
from gateway.console.drafting import Drafting
from gateway.console.home import HomePages
from gateway.console.live import LivePages
from gateway.console.saved_searches import SavedSearchPages
from gateway.console.sign_in import SignIn
from gateway.console.trying import TrialPages
from gateway.rulebook.hindsight import Hindsight
from gateway.rulebook.trial import Trial


def calling_pages(context: ConsoleContext, sign_in: SignIn, drafting: Drafting, trial: Trial) -> list[Page]:
    """Everything below "Calls" in the navigation, and the way in."""
    read, control, test = Permission.READ_CALLS, Permission.CONTROL_CALLS, Permission.TRY_CALLS
    home = _home_pages(context, sign_in)
    live = LivePages(feed=context.feed, clock=context.clock)
    calls, call, command = _call_pages(context)
    saved = SavedSearchPages(database=context.database, journal=context.journal, clock=context.clock)
    trials = _trial_pages(context, drafting, trial)
    return [
        Page("GET", "/sign-in", None, home.show_sign_in),
        Page("POST", "/sign-in", None, home.sign_in),
        Page("POST", "/sign-out", None, home.sign_out),
        Page("POST", "/theme", None, home.choose_theme),
        Page("GET", "/", read, home.show_home),
        Page("GET", "/live", read, live.follow),
        Page("GET", "/calls", read, calls.list_calls),
        Page("GET", "/calls/export", read, calls.export_calls),
        Page("GET", "/calls/facets", read, calls.show_facets),
        Page("POST", "/calls/saved", read, saved.save_search),
        Page("POST", "/calls/saved/forget", read, saved.forget_search),
        Page("GET", "/calls/{call_id}", read, call.show_call),
        Page("GET", "/calls/{call_id}/rules", read, call.list_tried),
        Page("GET", "/calls/{call_id}/hangup", control, command.ask_to_hang_up),
        Page("POST", "/calls/{call_id}/hangup", control, command.hang_up),
        Page("GET", "/calls/{call_id}/transfer", control, command.ask_to_transfer),
        Page("POST", "/calls/{call_id}/transfer", control, command.transfer),
        Page("GET", "/test", test, trials.show_trial),
        Page("POST", "/test", test, trials.try_call),
        Page("GET", "/test/rules", test, trials.list_tried),
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


def _call_pages(context: ConsoleContext) -> tuple[CallPages, CallPage, CommandPages]:
    reveal = Reveal(journal=context.journal, clock=context.clock)
    exports = ExportRoutes(database=context.database, reveal=reveal)
    control = ControlRoutes(
        database=context.database, control=context.control, refer_guard=context.refer_guard, clock=context.clock
    )
    call = CallPage(
        settings=context.settings,
        database=context.database,
        current=context.current,
        hindsight=Hindsight(database=context.database, current=context.current),
        reveal=reveal,
    )
    calls = CallPages(database=context.database, reveal=reveal, exports=exports)
    return calls, call, CommandPages(database=context.database, control=control)


def trial_of(context: ConsoleContext) -> Trial:
    """Who tries calls that nobody made."""
    return Trial(
        settings=context.settings,
        current=context.current,
        refer_guard=context.refer_guard,
        usage=context.usage,
        clock=context.clock,
    )


def _trial_pages(context: ConsoleContext, drafting: Drafting, trial: Trial) -> TrialPages:
    return TrialPages(
        settings=context.settings,
        current=context.current,
        trial=trial,
        drafting=drafting,
        read_event=context.read_event,
        clock=context.clock,
    )
