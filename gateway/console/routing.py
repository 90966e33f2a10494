"""The pages about the rulebook: what it is, one's draft of it, what was published, and what stands above it."""

from gateway.access.roles import Permission
from gateway.console.calendars import CalendarPages
from gateway.console.confirming import ConfirmingPages
from gateway.console.context import ConsoleContext
from gateway.console.door import Page
from gateway.console.drafting import Drafting
from gateway.console.items import ItemPages
from gateway.console.list_import import ImportPages
from gateway.console.lists import ListPages
from gateway.console.overrides import OverridePages
from gateway.console.profiles import ProfilePages
from gateway.console.review import ReviewPages
from gateway.console.revisions import RevisionPages
from gateway.console.rule_trial import RuleTrialPages
from gateway.console.rules import RulePages
from gateway.console.used_by import UsedBy
from gateway.rulebook.overriding import Overriding
from gateway.rulebook.trial import Trial

_READ, _PUBLISH, _TRY = Permission.READ_RULEBOOK, Permission.PUBLISH, Permission.TRY_CALLS


def routing_pages(context: ConsoleContext, drafting: Drafting, trial: Trial) -> list[Page]:
    """Everything below "Routing" in the navigation."""
    return [
        *_rule_pages(context, drafting, trial),
        *_named_pages(context, drafting),
        *_draft_pages(context, drafting),
        *_revision_pages(context),
        *_override_pages(context),
    ]


def drafting_of(context: ConsoleContext) -> Drafting:
    """Everybody's drafts."""
    return Drafting(
        settings=context.settings,
        database=context.database,
        journal=context.journal,
        current=context.current,
        publisher=context.publisher,
        refer_guard=context.refer_guard,
        clock=context.clock,
    )


def _rule_pages(context: ConsoleContext, drafting: Drafting, trial: Trial) -> list[Page]:
    rules = RulePages(
        settings=context.settings, database=context.database, publisher=context.publisher, drafting=drafting
    )
    trials = RuleTrialPages(
        rules=rules, drafting=drafting, trial=trial, read_event=context.read_event, clock=context.clock
    )
    return [
        Page("GET", "/rules", _READ, rules.list_rules),
        Page("POST", "/rules/act", _PUBLISH, rules.act_on_rule),
        Page("GET", "/rules/number", _READ, rules.read_number),
        Page("GET", "/rules/new", _PUBLISH, rules.show_rule),
        Page("POST", "/rules/new", _PUBLISH, rules.save_rule),
        Page("GET", "/rules/{id}", _READ, rules.show_rule),
        Page("POST", "/rules/{id}", _PUBLISH, rules.save_rule),
        Page("POST", "/rules/{id}/test", _TRY, trials.try_rule),
    ]


def _named_pages(context: ConsoleContext, drafting: Drafting) -> list[Page]:
    """The pages of what rules refer to by name."""
    used_by, database, clock = UsedBy(), context.database, context.clock
    profiles = ProfilePages(database=database, drafting=drafting, used_by=used_by, clock=clock)
    calendars = CalendarPages(database=database, drafting=drafting, used_by=used_by, clock=clock)
    lists = ListPages(database=database, drafting=drafting, used_by=used_by, clock=clock)
    imports = ImportPages(lists=lists, database=database, journal=context.journal, clock=clock)
    return [
        *(page for section in (profiles, calendars, lists) for page in _item_pages(section)),
        Page("POST", "/profiles/{name}/form", _PUBLISH, profiles.change_form),
        Page("POST", "/calendars/{name}/week", _PUBLISH, calendars.show_week),
        Page("GET", "/lists/{name}/import", _PUBLISH, imports.show_import),
        Page("POST", "/lists/{name}/import", _PUBLISH, imports.receive_file),
        Page("GET", "/lists/{name}/import/{id}", _PUBLISH, imports.show_file),
        Page("POST", "/lists/{name}/import/{id}", _PUBLISH, imports.take_file),
        Page("GET", "/lists/{name}/import/{id}/mistakes.csv", _PUBLISH, imports.export_mistakes),
    ]


def _item_pages(items: ItemPages) -> list[Page]:
    path = f"/{items.section}"
    return [
        Page("GET", path, _READ, items.list_items),
        Page("GET", f"{path}/new", _PUBLISH, items.show_item),
        Page("POST", f"{path}/new", _PUBLISH, items.save_item),
        Page("GET", f"{path}/{{name}}", _READ, items.show_item),
        Page("POST", f"{path}/{{name}}", _PUBLISH, items.save_item),
    ]


def _draft_pages(context: ConsoleContext, drafting: Drafting) -> list[Page]:
    review = ReviewPages(drafting, context.replays)
    return [
        Page("GET", "/draft", _PUBLISH, review.show_draft),
        Page("GET", "/draft.toml", _PUBLISH, review.export_draft),
        Page("GET", "/draft/replay", _PUBLISH, review.replay_draft),
        Page("POST", "/draft/undo", _PUBLISH, review.undo_change),
        Page("POST", "/draft/discard", _PUBLISH, review.discard_draft),
        Page("POST", "/draft/settle", _PUBLISH, review.settle_conflict),
        Page("POST", "/draft/publish", _PUBLISH, review.publish_draft),
    ]


def _revision_pages(context: ConsoleContext) -> list[Page]:
    revisions = RevisionPages(database=context.database, publisher=context.publisher)
    confirming = ConfirmingPages(context.publisher)
    return [
        Page("GET", "/revisions", _READ, revisions.list_revisions),
        Page("GET", "/revisions/{number}", _READ, revisions.show_revision),
        Page("POST", "/revisions/{number}/restore", _PUBLISH, revisions.restore_revision),
        Page("POST", "/revisions/{number}/confirm", _PUBLISH, confirming.confirm_revision),
        Page("POST", "/revisions/{number}/revert", _PUBLISH, confirming.revert_revision),
        Page("GET", "/rulebook.toml", _READ, revisions.export_rulebook),
    ]


def _override_pages(context: ConsoleContext) -> list[Page]:
    overriding = Overriding(
        database=context.database,
        journal=context.journal,
        current=context.current,
        refer_guard=context.refer_guard,
        clock=context.clock,
    )
    overrides = OverridePages(database=context.database, current=context.current, overriding=overriding)
    return [
        Page("GET", "/overrides", _READ, overrides.list_overrides),
        Page("POST", "/overrides", _PUBLISH, overrides.add_override),
        Page("POST", "/overrides/{id}/end", _PUBLISH, overrides.end_override),
    ]
