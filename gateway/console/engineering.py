"""The pages for engineers: deliveries, the machinery, and who has access."""

from gateway.access.roles import Permission
from gateway.calls.reveal import Reveal
from gateway.console.audit import AuditPages
from gateway.console.context import ConsoleContext
from gateway.console.deliveries import DeliveryPages
from gateway.console.door import Page
from gateway.console.keys import KeyPages
from gateway.console.machinery import MachineryPages
from gateway.webhooks.endpoint_routes import EndpointRoutes


def engineering_pages(context: ConsoleContext) -> list[Page]:
    """Everything below "Engineering" in the navigation."""
    return [*_delivery_pages(context), *_machinery_pages(context), *_access_pages(context)]


def _delivery_pages(context: ConsoleContext) -> list[Page]:
    deliveries = DeliveryPages(
        settings=context.settings,
        database=context.database,
        refusals=context.refusals,
        reveal=Reveal(journal=context.journal, clock=context.clock),
    )
    look = Permission.READ_ENDPOINTS
    return [
        Page("GET", "/deliveries", look, deliveries.list_deliveries),
        Page("GET", "/deliveries/refused", look, deliveries.list_refused),
        Page("GET", "/deliveries/{id}", look, deliveries.show_delivery),
    ]


def _machinery_pages(context: ConsoleContext) -> list[Page]:
    endpoints = EndpointRoutes(
        endpoints=context.settings.endpoints,
        keyring=context.keyring,
        upstream=context.upstream,
        database=context.database,
    )
    machinery = MachineryPages(
        settings=context.settings,
        database=context.database,
        journal=context.journal,
        endpoints=endpoints,
        node=context.node,
    )
    look = Permission.READ_ENDPOINTS
    return [
        Page("GET", "/endpoints", look, machinery.list_endpoints),
        Page("GET", "/outbox", look, machinery.list_outbox),
        Page("GET", "/nodes", look, machinery.list_nodes),
        Page("GET", "/subscribers", look, machinery.list_subscribers),
    ]


def _access_pages(context: ConsoleContext) -> list[Page]:
    keys = KeyPages(database=context.database, journal=context.journal, guard=context.guard, clock=context.clock)
    audit, manage = AuditPages(database=context.database), Permission.MANAGE_KEYS
    return [
        Page("GET", "/keys", manage, keys.list_keys),
        Page("POST", "/keys", manage, keys.create_key),
        Page("GET", "/keys/{id}/revoke", manage, keys.ask_to_revoke),
        Page("POST", "/keys/{id}/revoke", manage, keys.revoke_key),
        Page("GET", "/audit", Permission.READ_AUDIT, audit.list_audit),
    ]
