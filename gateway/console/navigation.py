"""The console's pages as people find them: what is offered to whom, in which order."""

from typing import Final, NamedTuple

from gateway.access.roles import Permission


class Link(NamedTuple):
    """One entry of the navigation."""

    label: str
    path: str
    icon: str  # in static/icons.svg
    may: Permission  # offered to those who may

    def leads_to(self, path: str) -> bool:
        """Whether a page belongs under this entry."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


class Group(NamedTuple):
    """Entries that belong together."""

    label: str
    links: tuple[Link, ...]


NAVIGATION: Final = (
    Group(
        "Calls",
        (
            Link("Now", "/", "pulse", Permission.READ_CALLS),
            Link("Call history", "/calls", "phone", Permission.READ_CALLS),
            Link("Test a call", "/test", "flask", Permission.TRY_CALLS),
        ),
    ),
    Group(
        "Routing",
        (
            Link("Rules", "/rules", "rules", Permission.READ_RULEBOOK),
            Link("Overrides", "/overrides", "override", Permission.READ_RULEBOOK),
            Link("Profiles", "/profiles", "profile", Permission.READ_RULEBOOK),
            Link("Calendars", "/calendars", "calendar", Permission.READ_RULEBOOK),
            Link("Lists", "/lists", "list", Permission.READ_RULEBOOK),
            Link("My draft", "/draft", "draft", Permission.PUBLISH),
            Link("Revisions", "/revisions", "history", Permission.READ_RULEBOOK),
        ),
    ),
    Group(
        "Engineering",
        (
            Link("Deliveries", "/deliveries", "inbox", Permission.READ_ENDPOINTS),
            Link("Endpoints", "/endpoints", "plug", Permission.READ_ENDPOINTS),
            Link("Outbox", "/outbox", "outbox", Permission.READ_ENDPOINTS),
            Link("Subscribers", "/subscribers", "pulse", Permission.READ_ENDPOINTS),
            Link("Nodes", "/nodes", "nodes", Permission.READ_ENDPOINTS),
            Link("Keys", "/keys", "key", Permission.MANAGE_KEYS),
            Link("Audit log", "/audit", "audit", Permission.READ_AUDIT),
        ),
    ),
)
