"""A visit: one request of one person, with what every page wants to know of them."""

from dataclasses import dataclass
from functools import cache
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.access.guard import Caller
from gateway.access.roles import Permission, may

# What the last request did, told by the next page and then forgotten.
NOTICE = "notice"

# The viewer's time zone, which the browser knows and tells once; pages are in UTC until then.
ZONE = "zone"

THEME = "theme"
THEMES = ("light", "dark")


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One request."""

    request: Request
    caller: Caller | None  # None: not signed in
    zone: ZoneInfo  # of the times on the page
    theme: str | None  # chosen by the person; None: as the system has it
    notice: str | None  # what the last request did

    def may(self, permission: str) -> bool:
        """Whether the person may do this; what they may not do is not offered."""
        return self.caller is not None and may(self.caller.role, Permission(permission))

    @property
    def path(self) -> str:
        """Where they are."""
        return self.request.url.path

    @property
    def here(self) -> str:
        """The same with the query: where a form brings them back to."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    def parameter(self, name: str) -> str:
        """What the query says, cleaned of spaces; empty if it does not."""
        return self.request.query_params.get(name, "").strip()


def make_visit(request: Request, caller: Caller | None) -> Visit:
    """The visit that a request is."""
    cookies = request.cookies
    theme = cookies.get(THEME)
    return Visit(
        request=request,
        caller=caller,
        zone=_zone(cookies.get(ZONE, "")),
        theme=theme if theme in THEMES else None,
        notice=cookies.get(NOTICE),
    )


def _zone(name: str) -> ZoneInfo:
    """The zone of this name; UTC for anything else, since a cookie may hold any text."""
    return ZoneInfo(name if name in _zones() else "UTC")


@cache
def _zones() -> frozenset[str]:
    """The names of all zones, which takes a walk through hundreds of files."""
    return frozenset(available_timezones())


def is_secure(request: Request) -> bool:
    """Whether the person's browser speaks TLS, to us or to a proxy before us.

    Whoever lies about it in a header of their own only gets a cookie that their own browser does not return.
    """
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "").lower())


def go_to(path: str, notice: str = "") -> RedirectResponse:
    """The answer to a form that was taken: on to the page that shows what it did (303)."""
    response = RedirectResponse(path, 303, {"cache-control": "no-store"})
    if notice:
        notify(response, notice)
    return response


def notify(response: Response, notice: str) -> None:
    """Have the next page tell this."""
    response.set_cookie(NOTICE, quote(notice), max_age=60, httponly=True, samesite="strict")


def local_path(text: str) -> str:
    """A path of ours out of what somebody sent; `/` for anything that could lead elsewhere."""
    parts = urlsplit(text.replace("\\", "/"))
    harmless = text.isprintable() and not parts.scheme and not parts.netloc and parts.path.startswith("/")
    return text if harmless else "/"
