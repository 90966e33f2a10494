"""The pages for engineers: deliveries, the machinery, and who has access."""

from gateway.access.guard import Guard
from gateway.access.roles import Permission
from gateway.calls.reveal import Reveal
from gateway.clock import Clock
from gateway.console.audit import AuditPages
from gateway.console.deliveries import DeliveryPages
from gateway.console.door import Page
from gateway.console.keys import KeyPages
from gateway.console.machinery import MachineryPages
from gateway.database import Database
from gateway.journal import Journal
from gateway.settings import Settings
from gateway.upstream.client import Upstream
from gateway.webhooks.endpoint_routes import EndpointRoutes
from gateway.webhooks.keyring import Keyring
from gateway.webhooks.refusals import Refusals


def engineering_pages(
    *,
    settings: Settings,
    database: Database,
    journal: Journal,
    guard: Guard,
    keyring: Keyring,
    upstream: Upstream,
    refusals: Refusals,
    node: str,
    clock: Clock,
) -> list[Page]:
    """Everything below "Engineering" in the navigation."""
    deliveries = DeliveryPages(
        settings=settings,
        database=database,
        refusals=refusals,
        reveal=Reveal(journal=journal, clock=clock),
    )
    machinery = MachineryPages(
        settings=settings,
        database=database,
        journal=journal,
        endpoints=EndpointRoutes(endpoints=settings.endpoints, keyring=keyring, upstream=upstream, database=database),
        node=node,
    )
    keys = KeyPages(database=database, journal=journal, guard=guard, clock=clock)
    audit = AuditPages(database=database)
    look, manage = Permission.READ_ENDPOINTS, Permission.MANAGE_KEYS
    return [
        Page("GET", "/deliveries", look, deliveries.list_deliveries),
        Page("GET", "/deliveries/refused", look, deliveries.list_refused),
        Page("GET", "/deliveries/{id}", look, deliveries.show_delivery),
        Page("GET", "/endpoints", look, machinery.list_endpoints),
        Page("GET", "/outbox", look, machinery.list_outbox),
        Page("GET", "/nodes", look, machinery.list_nodes),
        Page("GET", "/subscribers", look, machinery.list_subscribers),
        Page("GET", "/keys", manage, keys.list_keys),
        Page("POST", "/keys", manage, keys.create_key),
        Page("GET", "/keys/{id}/revoke", manage, keys.ask_to_revoke),
        Page("POST", "/keys/{id}/revoke", manage, keys.revoke_key),
        Page("GET", "/audit", Permission.READ_AUDIT, audit.list_audit),
    ]
