"""What the API does with the rulebook: the part of its flat list that edits and shows what decides."""

from typing import Any, Final

from gateway.access.roles import Permission
from gateway.api.operations import Operation
from gateway.problem_details import Kind
from gateway.reading import CSV, JSON, LARGEST_DOCUMENT, TOML
from gateway.rulebook.confirmation_routes import ConfirmationRoutes
from gateway.rulebook.contract import Document, SuggestedOrder
from gateway.rulebook.item_contract import (
    CalendarItem,
    CalendarPage,
    ListItem,
    ListPage,
    ProfileItem,
    ProfilePage,
    RuleItem,
    RulePage,
    SentRule,
)
from gateway.rulebook.item_desk import ItemDesk
from gateway.rulebook.named_routes import NamedRoutes
from gateway.rulebook.override_contract import AddedOverride, OverridePage
from gateway.rulebook.override_routes import OverrideRoutes
from gateway.rulebook.publication_contract import Confirming, ProblemPage, Publication
from gateway.rulebook.revision_contract import RevisionPage, ShownDifference
from gateway.rulebook.revision_routes import RevisionRoutes
from gateway.rulebook.routes import RulebookRoutes
from gateway.rulebook.rule_routes import RuleRoutes

# What can go wrong with an edit.
_EDITED: Final = (Kind.MANAGED, Kind.PENDING, Kind.STALE, Kind.MISTAKES, Kind.BROKEN, Kind.UNCONDITIONAL)


def rulebook_operations(rulebook: RulebookRoutes) -> list[Operation]:
    """On the rulebook as one document."""
    read_rules, file = Permission.READ_RULEBOOK, (JSON, TOML)
    return [
        Operation(
            "GET",
            "/rulebook",
            read_rules,
            rulebook.show_rulebook,
            answer=Document,
            media=file,
            has_etag=True,
            problems=(Kind.NOT_FOUND, Kind.NOT_ACCEPTABLE),
        ),
        Operation(
            "PUT",
            "/rulebook",
            Permission.PUBLISH,
            rulebook.publish_rulebook,
            reads=Document,
            largest=LARGEST_DOCUMENT,
            media=file,
            answer=Publication,
            has_etag=True,
            problems=_EDITED,
        ),
        Operation("GET", "/rulebook/problems", read_rules, rulebook.list_problems, answer=ProblemPage),
        Operation("GET", "/rulebook/order", read_rules, rulebook.suggest_order, answer=SuggestedOrder),
    ]


def revision_operations(revisions: RevisionRoutes) -> list[Operation]:
    """On the states that were published."""
    read, publish = Permission.READ_RULEBOOK, Permission.PUBLISH
    return [
        Operation("GET", "/rulebook/revisions", read, revisions.list_revisions, answer=RevisionPage),
        Operation(
            "POST",
            "/rulebook/revisions/{number}/restore",
            publish,
            revisions.restore_revision,
            answer=Publication,
            has_etag=True,
            problems=_EDITED,
        ),
        Operation(
            "GET",
            "/rulebook/diff",
            read,
            revisions.show_difference,
            answer=ShownDifference,
            problems=(Kind.NOT_FOUND,),
        ),
    ]


def confirmation_operations(confirmation: ConfirmationRoutes) -> list[Operation]:
    """On a publish that waits to be confirmed."""
    publish, path = Permission.PUBLISH, "/rulebook/confirm"
    refused = (Kind.NOT_PENDING, Kind.STALE, Kind.UNCONDITIONAL)
    settle: dict[str, Any] = {"has_etag": True, "problems": refused}
    return [
        Operation("GET", path, Permission.READ_RULEBOOK, confirmation.show_confirmation, answer=Confirming),
        Operation("POST", path, publish, confirmation.confirm_rulebook, answer=Confirming, **settle),
        Operation("DELETE", path, publish, confirmation.revert_rulebook, answer=Publication, **settle),
    ]


def item_operations(desk: ItemDesk) -> list[Operation]:
    """On single rules, profiles, calendars and lists."""
    rules, named = RuleRoutes(desk), NamedRoutes(desk)
    read, publish = Permission.READ_RULEBOOK, Permission.PUBLISH
    edit: dict[str, Any] = {"answer": Publication, "has_etag": True, "problems": _EDITED}
    one = "/rules/{id}"
    return [
        Operation("POST", "/rulebook/changes", publish, rules.change_rulebook, largest=LARGEST_DOCUMENT, **edit),
        Operation("GET", "/rules", read, rules.list_rules, answer=RulePage),
        Operation("POST", "/rules", publish, rules.create_rule, reads=SentRule, status=201, **edit),
        Operation("GET", one, read, rules.show_rule, answer=RuleItem, has_etag=True),
        Operation("PUT", one, publish, rules.put_rule, reads=SentRule, creates=True, **edit),
        Operation("DELETE", one, publish, rules.delete_rule, **edit),
        Operation("GET", "/profiles", read, named.list_profiles, answer=ProfilePage),
        Operation("GET", "/profiles/{name}", read, named.show_profile, answer=ProfileItem, has_etag=True),
        Operation("PUT", "/profiles/{name}", publish, named.put_profile, reads=ProfileItem, creates=True, **edit),
        Operation("DELETE", "/profiles/{name}", publish, named.delete_profile, **edit),
        Operation("GET", "/calendars", read, named.list_calendars, answer=CalendarPage),
        Operation("GET", "/calendars/{name}", read, named.show_calendar, answer=CalendarItem, has_etag=True),
        Operation("PUT", "/calendars/{name}", publish, named.put_calendar, reads=CalendarItem, creates=True, **edit),
        Operation("DELETE", "/calendars/{name}", publish, named.delete_calendar, **edit),
        Operation("GET", "/lists", read, named.list_lists, answer=ListPage),
        Operation("GET", "/lists/{name}", read, named.show_list, answer=ListItem, media=(JSON, CSV), has_etag=True),
        Operation(
            "PUT",
            "/lists/{name}",
            publish,
            named.put_list,
            reads=ListItem,
            media=(JSON, CSV),
            largest=LARGEST_DOCUMENT,
            creates=True,
            **edit,
        ),
        Operation("DELETE", "/lists/{name}", publish, named.delete_list, **edit),
    ]


def override_operations(overrides: OverrideRoutes) -> list[Operation]:
    """On what decides before every rule."""
    read, publish = Permission.READ_RULEBOOK, Permission.PUBLISH
    return [
        Operation("GET", "/overrides", read, overrides.list_overrides, answer=OverridePage),
        Operation(
            "POST",
            "/overrides",
            publish,
            overrides.add_override,
            answer=AddedOverride,
            status=201,
            problems=(Kind.MISTAKES,),
        ),
        Operation("DELETE", "/overrides/{id}", publish, overrides.end_override, status=204),
    ]
