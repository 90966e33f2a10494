"""The published rulebook, wherever it is: in the configured database, or at a running gateway that is asked by HTTP.

async with published(settings, url, key) as rulebook:
    revision, document = await rulebook.current()
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

import click

from gateway.cli.configured import author_of_command, database_of
from gateway.cli.output import progress, quiet
from gateway.errors import ConfigurationError, GatewayError

if TYPE_CHECKING:
    import httpx

    from gateway.database import Database
    from gateway.rulebook.publish import Publisher
    from gateway.settings import Settings
    from routing_rules import Problem

# Seconds that a gateway may take to publish 100,000 rules, and to replay a million calls.
PATIENCE: Final = 120.0

# Bytes of a document that are sent at once, between two steps of the progress bar.
_CHUNK: Final = 256 * 1024

_Options = TypeVar("_Options", bound=Callable[..., Any])


class Replayed(NamedTuple):
    """What would become of past calls."""

    checked: int
    changed: int  # that would be treated otherwise


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is to be published."""

    document: Mapping[str, Any]
    base: int  # the revision that it was made from
    comment: str
    forced_for: str | None  # why, although expectations fail or others manage the rulebook
    size: int = 0  # how many items it changes, by which progress is told
    confirm_within: int | None = None  # seconds after which it reverts unless confirmed; None: it stays


class Published(Protocol):
    """The published rulebook. Every method raises GatewayError with what a person can do about it."""

    async def current(self, number: int | None = None) -> tuple[int, dict[str, Any]]:
        """A revision, the current one if none is named: its number and its document."""
        ...

    async def check(self, document: Mapping[str, Any]) -> "tuple[Problem, ...]":
        """The warnings of a document. Raises DocumentError with its errors."""
        ...

    async def replay(self, document: Mapping[str, Any], limit: int) -> Replayed:
        """Decide the last `limit` calls by a document."""
        ...

    async def publish(self, change: Change) -> int:
        """Publish a document; its revision. Raises DocumentError."""
        ...

    async def restore(self, number: int, change: Change) -> int:
        """Publish revision `number` again; the new revision. The change's document is not looked at."""
        ...

    async def confirm(self) -> int:
        """Let the current revision stay, which waits for confirmation; its number."""
        ...

    async def revert(self) -> int:
        """Take back the current revision, which waits for confirmation; the new revision."""
        ...


def server_options(command: _Options) -> _Options:
    """The options by which a command is told to ask a running gateway."""
    key = click.option("--key", envvar="GATEWAY_API_KEY", metavar="KEY", help="An API key of it (GATEWAY_API_KEY).")
    url = click.option(
        "--url", envvar="GATEWAY_URL", metavar="URL", help="Ask a running gateway, not the database (GATEWAY_URL)."
    )
    return url(key(command))


@asynccontextmanager
async def published(settings: "Settings", url: str | None, key: str | None) -> AsyncIterator[Published]:
    """The rulebook of a running gateway if a URL is given, else of the database."""
    if url is None:
        async with _in_database(settings) as rulebook:
            yield rulebook
    else:
        async with _client(url, key) as client:
            yield _AtServer(client)


def _client(url: str, key: str | None) -> "httpx.AsyncClient":
    """Speaks to the gateway there, by the proxy of the environment unless it runs on this machine."""
    import httpx

    from gateway.settings_syntax import is_loopback

    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"--url: {url!r} is no web address; write http://127.0.0.1:8080")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ConfigurationError("--key: holds characters that no key has; copy it again")
    try:
        here = is_loopback(httpx.URL(url).host)
        return httpx.AsyncClient(
            base_url=f"{url.rstrip('/').removesuffix('/api/v1')}/api/v1",
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=PATIENCE,
            trust_env=not here,
        )
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"--url: {url!r} is no web address; write http://127.0.0.1:8080") from error
    except (ImportError, ValueError) as error:  # a SOCKS proxy, or none at all
        raise ConfigurationError(f"HTTP_PROXY, HTTPS_PROXY or ALL_PROXY cannot be used: {error}") from error


# ---- in the database


@asynccontextmanager
async def _in_database(settings: "Settings") -> AsyncIterator[Published]:
    from gateway.clock import SystemClock
    from gateway.rulebook.current import Current
    from gateway.rulebook.publish import Publisher
    from gateway.rulebook.refer_guard import ReferGuard
    from gateway.rulebook.store import pin_starter

    with database_of(settings) as database, quiet():
        with database.transaction() as connection:
            pin_starter(connection)  # as `serve` does: what follows it is written as a change of it
        written = _Written()
        journal = database.journal(on_death=lambda: None, gauge=written)
        journal.start()
        publisher = Publisher(
            settings=settings,
            database=database,
            journal=journal,
            current=Current(),
            refer_guard=ReferGuard(settings.refer_allow),
            clock=SystemClock(),
        )
        try:
            yield _InDatabase(settings, database, publisher, written)
        finally:
            await journal.stop()


class _Written:
    """How far the journal is with the rows of a revision, which it writes so many at once."""

    def __init__(self) -> None:
        self.advance: Callable[[int], None] = lambda steps: None

    def __call__(self, *, entries: int, seconds: float, waiting: int) -> None:
        from gateway.rulebook.item_store import AT_ONCE

        self.advance(entries * AT_ONCE)


class _InDatabase:
    def __init__(self, settings: "Settings", database: "Database", publisher: "Publisher", written: _Written) -> None:
        self._settings = settings
        self._database = database
        self._publisher = publisher
        self._written = written

    async def current(self, number: int | None = None) -> tuple[int, dict[str, Any]]:
        from gateway.rulebook.store import find_revision

        found = await self._database.read(find_revision, number)
        if found is None:
            raise GatewayError(f"there is no revision {number}; `gateway rulebook log` lists them")
        return found.number, found.document

    async def check(self, document: Mapping[str, Any]) -> "tuple[Problem, ...]":
        return (await self._publisher.check(document, force=True)).warnings

    async def replay(self, document: Mapping[str, Any], limit: int) -> Replayed:
        from gateway.calls.history import count_calls
        from gateway.rulebook.current import Current
        from gateway.rulebook.refer_guard import ReferGuard
        from gateway.rulebook.replay import Replay, Span

        guard = ReferGuard(self._settings.refer_allow)
        replay = Replay(database=self._database, current=Current(), refer_guard=guard)
        compiled = await replay.compile(document, None)
        total = await self._database.read(lambda c: count_calls(c, since=None, until=None, most=limit))
        checked = changed = 0
        if compiled is not None:
            with progress("calls checked", total) as advance:
                async with aclosing(replay.slices(compiled, Span(limit=limit))) as slices:
                    async for one in slices:
                        checked, changed = checked + one.checked, changed + len(one.changes)
                        advance(one.checked)
        return Replayed(checked, changed)

    async def publish(self, change: Change) -> int:
        from gateway.rulebook.publish import StaleBaseError
        from gateway.rulebook.store import Signed

        signed = Signed(
            author=author_of_command(),
            comment=change.comment,
            forced_for=change.forced_for,
            confirm_within=change.confirm_within,
        )
        try:
            with progress("items published", change.size) as self._written.advance:
                return (await self._publisher.publish(change.document, base=change.base, signed=signed)).number
        except StaleBaseError as error:
            raise _stale(change.base, error.newest) from None

    async def restore(self, number: int, change: Change) -> int:
        _, document = await self.current(number)
        return await self.publish(replace(change, document=document))

    async def confirm(self) -> int:
        number = await self._newest()
        await self._publisher.confirm(number, by=author_of_command())
        return number

    async def revert(self) -> int:
        number = await self._newest()
        by, comment = author_of_command(), f"takes back revision {number}"
        return (await self._publisher.revert(number, author=by, comment=comment)).number

    async def _newest(self) -> int:
        from gateway.rulebook.store import newest_number

        return await self._database.read(newest_number)


def _stale(base: int, newest: object) -> GatewayError:
    return GatewayError(f"revision {newest} was published since revision {base}; plan again")


# ---- at a running gateway


class _AtServer:
    def __init__(self, client: "httpx.AsyncClient") -> None:
        self._client = client

    async def current(self, number: int | None = None) -> tuple[int, dict[str, Any]]:
        query = {} if number is None else {"revision": number}
        document: dict[str, Any] = await self._ask("GET", "/rulebook", params=query)
        return document.pop("revision"), document

    async def check(self, document: Mapping[str, Any]) -> "tuple[Problem, ...]":
        from routing_rules import Problem, Severity

        query = {"dry_run": "true", "force": "true", "reason": "to see everything"}
        told = await self._send("checked", "PUT", "/rulebook", document, params=query)
        return tuple(Problem(**{**one, "severity": Severity(one["severity"])}) for one in told["problems"])

    async def replay(self, document: Mapping[str, Any], limit: int) -> Replayed:
        told = await self._send("replayed", "POST", "/replay", {"rulebook": document, "limit": limit})
        return Replayed(told["checked"], told["changed"])

    async def publish(self, change: Change) -> int:
        told = await self._send("published", "PUT", "/rulebook", change.document, **_conditions(change))
        number: int = told["revision"]
        return number

    async def restore(self, number: int, change: Change) -> int:
        told = await self._ask("POST", f"/rulebook/revisions/{number}/restore", **_conditions(change))
        restored: int = told["revision"]
        return restored

    async def confirm(self) -> int:
        return await self._settle("POST")

    async def revert(self) -> int:
        return await self._settle("DELETE")

    async def _settle(self, method: str) -> int:
        """Confirm or revert the current revision; the one that is current then."""
        path = "/rulebook/confirm"
        shown = await self._ask("GET", path)
        told = await self._ask(method, path, headers={"if-match": f'"{shown["revision"]}"'})
        settled: int = told["revision"]
        return settled

    async def _send(self, what: str, method: str, path: str, document: Any, **request: Any) -> Any:
        """Send a document, which may be large, and tell how far that is."""
        content = json.dumps(document).encode()
        headers = {
            "content-type": "application/json",
            "content-length": str(len(content)),
            **request.pop("headers", {}),
        }
        with progress(f"bytes to be {what}", len(content)) as advance:

            def pieces() -> Iterator[bytes]:
                for begin in range(0, len(content), _CHUNK):
                    piece = content[begin : begin + _CHUNK]
                    yield piece
                    advance(len(piece))

            async def body() -> AsyncIterator[bytes]:
                for piece in pieces():
                    yield piece

            return await self._ask(method, path, content=body(), headers=headers, **request)

    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        import httpx

        try:
            answer = await self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise GatewayError(
                f"{self._client.base_url} cannot be reached: {str(error) or type(error).__name__}"
            ) from error
        if answer.is_success:
            return answer.json()
        raise _refusal(answer)


def _conditions(change: Change) -> dict[str, Any]:
    query = {"comment": change.comment}
    if change.confirm_within is not None:
        query["confirm_within"] = str(change.confirm_within)
    if change.forced_for is not None:
        query |= {"force": "true", "reason": change.forced_for}
    return {"params": query, "headers": {"if-match": f'"{change.base}"'}}


def _refusal(answer: "httpx.Response") -> Exception:
    """What the gateway says is wrong, as it would be told of the database."""
    from routing_rules import DocumentError
    from routing_rules.problem import error

    try:
        problem = answer.json()
        errors = [error(one["code"], one["pointer"], one["detail"]) for one in problem["errors"] if "code" in one]
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return GatewayError(f"the gateway answers {answer.status_code}, and not as a gateway does; is the URL right?")
    if errors:
        return DocumentError(errors)
    if answer.status_code == 401:
        return GatewayError(f"the gateway wants a key by --key or GATEWAY_API_KEY: {detail}")
    return GatewayError(f"the gateway refuses: {detail}")
