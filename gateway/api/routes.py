"""The API under `/api/v1`: what it needs, and the flat list of everything that it does."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.routing import BaseRoute

from gateway.access.audit_routes import AuditPage, AuditRoutes
from gateway.access.guard import Guard
from gateway.access.roles import Permission
from gateway.access.routes import CreatedKey, KeyPage, KeyRoutes
from gateway.actions.control import Control
from gateway.actions.routes import ControlRoutes, Ordered
from gateway.api.openapi import openapi_route
from gateway.api.operations import Operation, routes
from gateway.api.rulebook_operations import (
    confirmation_operations,
    item_operations,
    override_operations,
    revision_operations,
    rulebook_operations,
)
from gateway.calls.contract import Call, CallDetail, CallFacets, CallPage, Timeline, Transcript
from gateway.calls.export import MEDIA
from gateway.calls.export_routes import ExportRoutes
from gateway.calls.feed import Feed
from gateway.calls.reveal import Reveal
from gateway.calls.routes import CallRoutes
from gateway.calls.stats_contract import Stats
from gateway.calls.stats_routes import StatsRoutes
from gateway.calls.stream import EVENT_STREAM, CallChange, StreamRoutes
from gateway.clock import Clock
from gateway.database import Database
from gateway.errors import PayloadError
from gateway.journal import Journal
from gateway.problem_details import Kind
from gateway.profiles.contract import UpgradedProfile
from gateway.profiles.routes import ProfileRoutes
from gateway.reading import LARGEST_DOCUMENT
from gateway.rulebook.confirmation_routes import ConfirmationRoutes
from gateway.rulebook.contract import Answered
from gateway.rulebook.current import Current
from gateway.rulebook.hindsight import Hindsight
from gateway.rulebook.item_desk import ItemDesk
from gateway.rulebook.override_routes import OverrideRoutes
from gateway.rulebook.overriding import Overriding
from gateway.rulebook.publish import Publisher
from gateway.rulebook.replay import Replay
from gateway.rulebook.replay_contract import Replayed
from gateway.rulebook.revision_routes import RevisionRoutes
from gateway.rulebook.routes import RulebookRoutes
from gateway.rulebook.trial import Ringing, Trial
from gateway.settings import Settings
from gateway.subscribers.routes import NoticePage, SubscriberPage, SubscriberRoutes
from gateway.upstream.client import Upstream
from gateway.upstream.routes import ClientSecretRoutes, CreatedClientSecret
from gateway.upstream.wire import IncomingCall, read_event
from gateway.webhooks.endpoint_routes import EndpointPage, EndpointRoutes
from gateway.webhooks.keyring import Keyring
from routing_rules import Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiContext:
    """What the API needs of the gateway."""

    settings: Settings
    database: Database
    journal: Journal
    guard: Guard
    current: Current  # the revision in force
    refer_guard: Callable[[str], str | None]  # why a transfer target is refused
    usage: Usage  # what is in use now
    control: Control  # commands calls that are under way
    clock: Clock
    upstream: Upstream
    keyring: Keyring  # the signing secrets and their uses
    feed: Feed  # what happens to calls


def api_routes(context: ApiContext) -> list[BaseRoute]:
    """The routes of the API and of its description."""
    listed = operations(context)
    return [openapi_route(listed), *routes(context.guard, listed)]


def operations(context: ApiContext) -> list[Operation]:
    """Everything that the API does."""
    publisher = publisher_of(context)
    rulebook = _rulebook_routes(context, publisher)
    return [
        *rulebook_operations(rulebook),
        *revision_operations(RevisionRoutes(database=context.database, publisher=publisher)),
        *confirmation_operations(ConfirmationRoutes(database=context.database, publisher=publisher)),
        *item_operations(ItemDesk(database=context.database, publisher=publisher)),
        *override_operations(_override_routes(context)),
        *_trial_operations(context, rulebook),
        *_call_operations(context),
        *_control_operations(context),
        *_outside_operations(context),
        *_access_operations(context),
    ]


def _trial_operations(context: ApiContext, rulebook: RulebookRoutes) -> list[Operation]:
    """What would be decided, and what would have been."""
    profiles = ProfileRoutes(clock=context.clock)
    return [
        Operation("POST", "/profile-upgrades", Permission.TRY_CALLS, profiles.upgrade_profile, answer=UpgradedProfile),
        Operation(
            "POST",
            "/decide",
            Permission.TRY_CALLS,
            rulebook.decide,
            largest=LARGEST_DOCUMENT,  # a draft may be part of the question
            answer=Answered,
            problems=(Kind.MISTAKES,),
        ),
        Operation(
            "POST",
            "/replay",
            Permission.READ_CALLS,
            rulebook.replay,
            largest=LARGEST_DOCUMENT,  # a draft may be part of the question
            answer=Replayed,
            problems=(Kind.MISTAKES,),
        ),
    ]


def _call_operations(context: ApiContext) -> list[Operation]:
    reveal = Reveal(journal=context.journal, clock=context.clock)
    hindsight = Hindsight(database=context.database, current=context.current)
    calls = CallRoutes(database=context.database, explain=hindsight.explain, reveal=reveal)
    exports = ExportRoutes(database=context.database, reveal=reveal)
    stream = StreamRoutes(feed=context.feed, clock=context.clock, reveal=reveal)
    stats = StatsRoutes(database=context.database, clock=context.clock)
    read_calls = Permission.READ_CALLS
    return [
        Operation("GET", "/calls", read_calls, calls.list_calls, answer=CallPage),
        Operation("GET", "/calls/facets", read_calls, calls.show_facets, answer=CallFacets),
        Operation(
            "GET",
            "/calls/export",
            read_calls,
            exports.export_calls,
            answer=Call,
            media=tuple(MEDIA.values()),
            problems=(Kind.TOO_MANY, Kind.NOT_INSTALLED),
        ),
        Operation(
            "GET",
            "/calls/stream",
            read_calls,
            stream.stream_calls,
            answer=CallChange,
            media=(EVENT_STREAM,),
            problems=(Kind.MALFORMED,),
        ),
        Operation("GET", "/calls/stats", read_calls, stats.show_stats, answer=Stats),
        Operation("GET", "/calls/{call_id}", read_calls, calls.show_call, answer=CallDetail),
        Operation("GET", "/calls/{call_id}/events", read_calls, calls.list_call_events, answer=Timeline),
        Operation("GET", "/calls/{call_id}/transcript", read_calls, calls.show_transcript, answer=Transcript),
    ]


def _control_operations(context: ApiContext) -> list[Operation]:
    control = ControlRoutes(
        database=context.database, control=context.control, refer_guard=context.refer_guard, clock=context.clock
    )
    return [
        Operation(
            "POST",
            "/calls/{call_id}/hangup",
            Permission.CONTROL_CALLS,
            control.hang_up_call,
            answer=Ordered,
            status=202,
            problems=(Kind.NOT_FOUND, Kind.WRONG_STATE),
        ),
        Operation(
            "POST",
            "/calls/{call_id}/refer",
            Permission.CONTROL_CALLS,
            control.refer_call,
            answer=Ordered,
            status=202,
            problems=(Kind.NOT_FOUND, Kind.WRONG_STATE),
        ),
    ]


def _outside_operations(context: ApiContext) -> list[Operation]:
    """Whom the gateway speaks with: the endpoints' upstreams, and subscribers."""
    endpoints = EndpointRoutes(
        endpoints=context.settings.endpoints,
        keyring=context.keyring,
        upstream=context.upstream,
        database=context.database,
    )
    client_secrets = ClientSecretRoutes(
        endpoints=context.settings.endpoints,
        upstream=context.upstream,
        current=context.current,
        journal=context.journal,
        clock=context.clock,
        per_minute=context.settings.client_secrets_per_minute,
    )
    subscribers = SubscriberRoutes(subscribers=context.settings.subscribers, database=context.database)
    return [
        Operation("GET", "/endpoints", Permission.READ_ENDPOINTS, endpoints.list_endpoints, answer=EndpointPage),
        Operation(
            "POST",
            "/client-secrets",
            Permission.MINT_SECRETS,
            client_secrets.create_client_secret,
            answer=CreatedClientSecret,
            status=201,
            problems=(Kind.TOO_MANY, Kind.UPSTREAM_FAILED, Kind.UPSTREAM_BUSY, Kind.UPSTREAM_SILENT),
        ),
        Operation(
            "GET", "/subscribers", Permission.READ_ENDPOINTS, subscribers.list_subscribers, answer=SubscriberPage
        ),
        Operation(
            "GET", "/subscribers/notices", Permission.READ_ENDPOINTS, subscribers.list_notices, answer=NoticePage
        ),
    ]


def _access_operations(context: ApiContext) -> list[Operation]:
    keys = KeyRoutes(database=context.database, journal=context.journal, guard=context.guard, clock=context.clock)
    audit = AuditRoutes(database=context.database)
    manage = Permission.MANAGE_KEYS
    return [
        Operation("GET", "/keys", manage, keys.list_keys, answer=KeyPage),
        Operation("POST", "/keys", manage, keys.create_key, answer=CreatedKey, status=201),
        Operation("DELETE", "/keys/{key_id}", manage, keys.revoke_key, status=204),
        Operation("GET", "/audit", Permission.READ_AUDIT, audit.list_audit, answer=AuditPage),
    ]


def _override_routes(context: ApiContext) -> OverrideRoutes:
    return OverrideRoutes(
        database=context.database,
        current=context.current,
        overriding=Overriding(
            database=context.database,
            journal=context.journal,
            current=context.current,
            refer_guard=context.refer_guard,
            clock=context.clock,
        ),
    )


def publisher_of(context: ApiContext) -> Publisher:
    """Who publishes for this gateway."""
    return Publisher(
        settings=context.settings,
        database=context.database,
        journal=context.journal,
        current=context.current,
        refer_guard=context.refer_guard,
        clock=context.clock,
    )


def _rulebook_routes(context: ApiContext, publisher: Publisher) -> RulebookRoutes:
    return RulebookRoutes(
        database=context.database,
        current=context.current,
        publisher=publisher,
        trial=Trial(
            settings=context.settings,
            current=context.current,
            refer_guard=context.refer_guard,
            usage=context.usage,
            clock=context.clock,
        ),
        replay=Replay(database=context.database, current=context.current, refer_guard=context.refer_guard),
        read_event=read_ringing,
    )


def read_ringing(body: bytes) -> Ringing:
    """What a webhook's body says of a call. Raises PayloadError."""
    event = read_event(body)
    if not isinstance(event, IncomingCall):
        raise PayloadError(f"an event of type {event.type!r} announces no incoming call")
    return Ringing(event.call_id, event.headers, event.media)
