"""The pages for engineers, and what they need of the gateway besides what every page does."""

from dataclasses import dataclass

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
from gateway.webhooks.keyring import Keyring
from gateway.webhooks.refusals import Refusals


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """The running parts that engineers look at."""

    node: str  # the name of this process
    keyring: Keyring  # the signing secrets and their uses
    upstream: Upstream
    refusals: Refusals  # deliveries that were turned away


def engineering_pages(
    engine: Engine,
    *,
    settings: Settings,
    database: Database,
    journal: Journal,
    guard: Guard,
    clock: Clock,
) -> list[Page]:
    """Everything below "Engineering" in the navigation."""
    deliveries = DeliveryPages(
        settings=settings,
        database=database,
        refusals=engine.refusals,
        reveal=Reveal(journal=journal, clock=clock),
    )
    machinery = MachineryPages(
        settings=settings,
        database=database,
        journal=journal,
        keyring=engine.keyring,
        upstream=engine.upstream,
        node=engine.node,
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
