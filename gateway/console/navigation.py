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


def _links(may: Permission, **icons: str) -> tuple[Link, ...]:
    """Entries for all who may the same, each with its icon; their paths are their labels."""
    return tuple(Link(name.capitalize(), f"/{name}", icon, may) for name, icon in icons.items())


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
            *_links(Permission.READ_RULEBOOK, rules="rules", overrides="override"),
            *_links(Permission.READ_RULEBOOK, profiles="profile", calendars="calendar", lists="list"),
            Link("My draft", "/draft", "draft", Permission.PUBLISH),
            *_links(Permission.READ_RULEBOOK, revisions="history"),
        ),
    ),
    Group(
        "Engineering",
        (
            *_links(Permission.READ_ENDPOINTS, deliveries="inbox", endpoints="plug", outbox="outbox"),
            *_links(Permission.READ_ENDPOINTS, subscribers="pulse", nodes="nodes"),
            *_links(Permission.MANAGE_KEYS, keys="key"),
            Link("Audit log", "/audit", "audit", Permission.READ_AUDIT),
        ),
    ),
)
