"""The door of the console: from a request to a page, for those who are signed in and may see it.

It asks as the API's door does: does the page exist, who asks, may they, is what they sent in order. A stranger is sent
to sign in and then where they wanted to go. What goes wrong is told on a page, with what to do about it.

Writes are taken from our own pages only. Browsers say where a request comes from (`Sec-Fetch-Site`, else `Origin`),
and the session's cookie is `SameSite=Strict`, so a form on another site neither brings the session nor is taken.
"""

import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit
from uuid import uuid4

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.access.guard import let_in
from gateway.access.roles import Permission
from gateway.console.rendering import Renderer
from gateway.console.sign_in import SignIn, brings_session
from gateway.console.visit import NOTICE, Visit, go_to, make_visit, notify
from gateway.console.work import JSON_LINES, Ending, Step, Work, ending, line, wants_steps
from gateway.database import Database
from gateway.errors import DatabaseUnavailable, RequestError
from gateway.problem_details import Kind
from gateway.rulebook.pending import Pending, find_pending

# Nothing but our own files, no inline script or style, nobody's frame around us, and forms to ourselves only.
POLICY: Final = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

HEADERS: Final = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "vary": "accept-encoding, cookie, hx-request",
}

# Pages below this fit into one packet or two; compressing them saves nothing.
COMPRESSED_FROM: Final = 1_000

# Where a script asked for a part of a page, what went wrong is told above the rest, which stays as it is.
_PART: Final = {"hx-retarget": "#refused", "hx-reselect": "#problem", "hx-reswap": "innerHTML show:top"}

# To whoever sends a form then. It is not led away to sign in: what was written would be lost.
_NOT_TAKEN: Final = (
    "You are not signed in any more, so this was not taken. Nothing of it is lost: sign in in another tab, come back "
    "to this one, and send it again. Where this message has taken the place of the form, reloading the page does so."
)

log = structlog.get_logger(__name__)


class View(NamedTuple):
    """A page to be shown: its template, what the template wants to know, status and headers."""

    template: str
    context: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})  # beside those of every page


@dataclass(frozen=True)
class Page:
    """One thing that the console shows or does."""

    method: str  # "GET" or "POST"; a page of forms has both
    path: str
    may: Permission | None  # what the person's role must have; None: anybody may, signed in or not
    handler: Callable[[Visit], Awaitable[View | Response | Work[View | Response]]]

    @property
    def name(self) -> str:
        """Its name for the log."""
        return self.handler.__name__


class PageDoor:
    """The ASGI application of one path of the console."""

    def __init__(self, sign_in: SignIn, renderer: Renderer, database: Database, pages: Iterable[Page]) -> None:
        self._sign_in = sign_in
        self._renderer = renderer
        self._database = database
        self._pages = {page.method: page for page in pages}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope, receive)
        request_id = str(uuid4())
        page = self._pages.get("GET" if request.method == "HEAD" else request.method)
        visit = make_visit(request, None)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                if page is not None:
                    visit = make_visit(request, await self._sign_in.who(request))
                view = await self._answer(visit, page)
                if isinstance(view, Work):
                    response = await self._do(visit, view, request_id)
                else:
                    response = self._render(visit, view, await self._pending(visit, view))
            except ClientDisconnect:
                return
            except Exception as error:
                response = self._render(visit, _refusal(visit, error, request_id))
            response.headers["x-request-id"] = request_id
            log.info(
                "console request",
                page=page.name if page else None,
                status=response.status_code,
                milliseconds=round((time.perf_counter() - started) * 1e3, 1),
                key=visit.caller.key_id if visit.caller else None,
            )
        await response(scope, receive, send)

    async def _answer(self, visit: Visit, page: Page | None) -> View | Response | Work[View | Response]:
        request = visit.request
        if not all(value.isprintable() for value in request.path_params.values()):
            raise HTTPException(404)  # control characters are in no name, and PostgreSQL refuses NUL
        if page is None:
            known = ", ".join(sorted({"HEAD", *self._pages} if "GET" in self._pages else self._pages))
            raise Kind.METHOD.error(f"this page knows {known}", headers={"allow": known})
        if page.method != "GET":
            check_origin(request)
        if page.may is not None:
            if visit.caller is None:
                raise Kind.UNAUTHENTICATED.error("sign in with an API key")
            let_in(request, visit.caller, page.may)
        return await page.handler(visit)

    async def _do(self, visit: Visit, work: Work[View | Response], request_id: str) -> Response:
        """Do what takes a while, and tell how far it is where somebody follows."""
        if wants_steps(visit.request):
            lines = self._steps(visit, work, request_id)
            return StreamingResponse(lines, headers=HEADERS | {"x-accel-buffering": "no"}, media_type=JSON_LINES)
        view = await work.answer()
        return self._render(visit, view, await self._pending(visit, view))

    async def _steps(self, visit: Visit, work: Work[View | Response], request_id: str) -> AsyncIterator[bytes]:
        """The steps of the work and what came of it, also where that is an error: its status was sent long ago."""
        try:
            async for told in work.steps:
                yield line(told if isinstance(told, Step) else await self._ending(visit, told))
        except Exception as error:
            yield line(await self._ending(visit, _refusal(visit, error, request_id)))

    async def _ending(self, visit: Visit, view: View | Response) -> Ending:
        if isinstance(view, Response):
            return ending(view)
        pending = await self._pending(visit, view)
        return Ending(page=self._renderer.render(view.template, visit, view.context, pending).decode())

    async def _pending(self, visit: Visit, view: View | Response) -> Pending | None:
        """The revision that waits for confirmation, of which every page tells."""
        if visit.caller is None or isinstance(view, Response):
            return None
        return await self._database.read(find_pending)

    def _render(self, visit: Visit, view: View | Response, pending: Pending | None = None) -> Response:
        if isinstance(view, Response):
            return view
        content = self._renderer.render(view.template, visit, view.context, pending)
        headers = {**view.headers, **HEADERS}
        if len(content) > COMPRESSED_FROM and "gzip" in visit.request.headers.get("accept-encoding", ""):
            content = gzip.compress(content, 5, mtime=0)
            headers["content-encoding"] = "gzip"
        response = Response(content, view.status, headers, media_type="text/html")
        if visit.notice is not None:
            response.delete_cookie(NOTICE, httponly=True, samesite="strict")
        return response


def check_origin(request: Request) -> None:
    """Refuse what another site sends. Raises RequestError (403)."""
    site = request.headers.get("sec-fetch-site")
    if site is None:  # an old browser, or one that reaches us without TLS
        origin = request.headers.get("origin", "")
        ours = urlsplit(origin).netloc == request.headers.get("host") != ""
    else:
        ours = site in ("same-origin", "none")
    if ours:
        return
    raise Kind.FORBIDDEN.error(
        "this was not sent by a page of this console; open the page here, and send the form again. A proxy in front "
        "of the gateway must pass on the headers Host and Origin"
    )


def _refusal(visit: Visit, error: Exception, request_id: str) -> View | Response:
    """What a person is shown of an error. Whatever is not a refusal is logged."""
    if isinstance(error, HTTPException):
        error = Kind.NOT_FOUND.error("There is no such page, or what it was about is gone.")
    elif isinstance(error, DatabaseUnavailable):
        log.error("the database failed a page", error=str(error))
        error = Kind.UNAVAILABLE.error("The database does not answer. Calls are decided meanwhile; try again soon.")
    elif not isinstance(error, RequestError):
        log.error("unexpected error", exc_info=error)
        error = Kind.UNEXPECTED.error("This is our fault. Tell your operator the request's id; the log has the rest.")
    if error.status == Kind.UNAUTHENTICATED.status:
        if visit.request.method != "POST":
            return _to_sign_in(visit)
        error = RequestError(401, "not signed in", _NOT_TAKEN)
    context = {"problem": error, "request_id": request_id}
    return View("error.html", context, error.status, {**error.headers, **_PART})


def _to_sign_in(visit: Visit) -> Response:
    """To the form, and from there to where the person wanted to go; a page within a page reloads as a whole."""
    request = visit.request
    path = "/sign-in" if visit.here == "/" else f"/sign-in?next={quote(visit.here)}"
    if "hx-request" in request.headers:
        response = Response(None, 204, {"hx-redirect": path, "cache-control": "no-store"})
    else:
        response = go_to(path)
    if brings_session(request):
        notify(response, "Your session has ended. Sign in to go on.")
    return response
