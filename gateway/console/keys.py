"""API keys: who has access, a new one shown once, and taking one away."""

from dataclasses import dataclass
from secrets import token_bytes
from typing import Any, Final, Literal

from sqlalchemy import Connection
from starlette.responses import Response

from gateway.access.guard import Guard, author_of
from gateway.access.keys import ENTROPY, Key, make_key
from gateway.access.roles import Role
from gateway.access.routes import NewKey
from gateway.access.store import Creation, Revocation, create_keys, find_key, list_keys, revoke_keys
from gateway.answering import Place, read_cursor, write_cursor
from gateway.clock import Clock
from gateway.console.door import View
from gateway.console.forms import Fields, fill, read_fields
from gateway.console.visit import Visit, go_to
from gateway.database import Database
from gateway.journal import Journal
from gateway.problem_details import Kind

# Keys on one page.
SHOWN: Final = 50

# What each role is for, as a person chooses it.
ROLES: Final = {
    Role.VIEWER: "looks at calls and rules; callers are masked",
    Role.ANALYST: "also sees who called, and exports",
    Role.EDITOR: "also edits and publishes rules, transfers and hangs up",
    Role.ADMIN: "also hands out keys and reads the audit log",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPages:
    """`/keys`."""

    database: Database
    journal: Journal
    guard: Guard
    clock: Clock

    async def list_keys(self, visit: Visit) -> View:
        """Who has access."""
        return await self._show(visit, Fields(), Fields())

    async def create_key(self, visit: Visit) -> View:
        """Make a key; this page is the only place that ever shows its token."""
        fields = await read_fields(visit)
        filled = fill(NewKey, {name: values[0].strip() for name, values in fields.items()})
        if filled.form is None:
            return await self._show(visit, filled.said, filled.mistakes)
        now = self.clock.now()
        key, token = make_key(token_bytes(ENTROPY), name=filled.form.name, role=filled.form.role, now=now)
        await self.journal.write(create_keys, Creation(key, author_of(visit.request)))
        return await self._show(visit, Fields(), Fields(), made=(key, token))

    async def revoke_key(self, visit: Visit) -> Response:
        """Take a key away, for ever."""
        key_id = visit.request.path_params["id"]
        revocation = Revocation(key_id, self.clock.now(), author_of(visit.request))
        key = await self.journal.write(revoke_keys, revocation)
        if key is None:
            raise Kind.NOT_FOUND.error(f"There is no key {key_id!r}.")
        self.guard.forget(key)
        return go_to("/keys", f"The key {key.name!r} is revoked; whoever used it is refused from now on.")

    async def ask_to_revoke(self, visit: Visit) -> View:
        """Ask whether that is meant."""
        key: Key | None = await self.database.read(find_key, visit.request.path_params["id"])
        if key is None:
            raise Kind.NOT_FOUND.error("There is no such key.")
        return View("revoke.html", {"key": key, "own": visit.caller is not None and visit.caller.key_id == key.id})

    async def _show(self, visit: Visit, said: Fields, wrong: Fields, made: tuple[Key, str] | None = None) -> View:
        position = read_cursor(visit.parameter("cursor") or None, tuple[Literal["keys"], Place, str])
        after = position[1:] if position else None
        keys = await self.database.read(_read_keys, after)
        context: dict[str, Any] = {
            "keys": keys[:SHOWN],
            "older": write_cursor(("keys", keys[SHOWN - 1].created_at, keys[SHOWN - 1].id))
            if len(keys) > SHOWN
            else None,
            "roles": ROLES,
            "said": said,
            "wrong": wrong,
            "made": made,
        }
        return View("keys.html", context, 422 if wrong else 200)


def _read_keys(connection: Connection, after: tuple[int, str] | None) -> list[Key]:
    return list_keys(connection, limit=SHOWN + 1, after=after)
