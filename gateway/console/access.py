"""Keys and the audit log: who may do what here, and who did."""

from secrets import token_bytes
from typing import Literal

import structlog
from pydantic import ValidationError
from starlette.responses import Response

from gateway.access.audit import Action, Wanted, find_entries
from gateway.access.guard import Guard, author_of
from gateway.access.keys import ENTROPY, make_key
from gateway.access.roles import LEAST_ROLE, Role
from gateway.access.routes import NewKey
from gateway.access.store import Creation, Revocation, create_keys, list_keys, revoke_keys
from gateway.answering import Place, read_cursor, write_cursor
from gateway.clock import Clock
from gateway.console.door import View
from gateway.console.forms import Fields, by_field, read_fields
from gateway.console.visit import Visit, go_to
from gateway.database import Database
from gateway.journal import Journal
from gateway.problem_details import Kind
from gateway.reading import mistakes

SHOWN = 100

log = structlog.get_logger(__name__)

ROLES = {
    Role.VIEWER: "looks on: calls with masked callers, rules, tests of calls",
    Role.ANALYST: "also sees and searches callers, which the audit log remembers, and exports",
    Role.EDITOR: "also changes what happens to calls, and sees endpoints and deliveries",
    Role.ADMIN: "also hands out keys and reads the audit log",
}


class AccessPages:
    """`/keys` and `/audit`."""

    def __init__(self, *, database: Database, journal: Journal, guard: Guard, clock: Clock) -> None:
        self._database = database
        self._journal = journal
        self._guard = guard
        self._clock = clock

    async def list_keys(self, visit: Visit) -> View:
        """The keys, and a form for a new one."""
        return await self._keys(visit, Fields(), Fields())

    async def create_key(self, visit: Visit) -> View | Response:
        """Make a key, and show its token: the only time."""
        fields = await read_fields(visit)
        said = Fields({name: fields.get(name, [""])[0].strip() for name in ("name", "role")})
        try:
            body = NewKey.model_validate_strings(dict(said))
        except ValidationError as error:
            return await self._keys(visit, said, by_field(mistakes(error, NewKey)), status=422)
        key, token = make_key(token_bytes(ENTROPY), name=body.name, role=body.role, now=self._clock.now())
        await self._journal.write(create_keys, Creation(key, author_of(visit.request)))
        log.info("key created", key=key.id, role=key.role)
        return await self._keys(visit, Fields(), Fields(), token=token)

    async def revoke_key(self, visit: Visit) -> Response:
        """Revoke a key, for ever."""
        key_id = visit.request.path_params["key_id"]
        key = await self._journal.write(revoke_keys, Revocation(key_id, self._clock.now(), author_of(visit.request)))
        if key is None:
            raise Kind.NOT_FOUND.error(f"There is no key {key_id!r}.")
        self._guard.forget(key)
        log.info("key revoked", key=key.id)
        return go_to("/keys", f"The key {key.name} is revoked; its sessions are over.")

    async def list_audit(self, visit: Visit) -> View:
        """Who did what."""
        said = Fields({name: visit.parameter(name) for name in ("author", "action", "object")})
        action = Action(said["action"]) if said["action"] in set(Action) else None
        wanted = Wanted(author=said["author"] or None, action=action, object=said["object"] or None)
        position = read_cursor(visit.parameter("cursor") or None, tuple[Literal["audit"], Place])
        before = position[1] if position else None
        found = await self._database.read(lambda c: find_entries(c, wanted, limit=SHOWN + 1, before=before))
        shown = found[:SHOWN]
        context = {
            "said": said,
            "entries": shown,
            "actions": [(one.value, one.value) for one in Action],
            "older": write_cursor(("audit", shown[-1].id)) if len(found) > len(shown) else None,
        }
        return View("audit.html", context)

    async def _keys(
        self, visit: Visit, said: Fields, wrong: Fields, *, token: str | None = None, status: int = 200
    ) -> View:
        keys = await self._database.read(lambda c: list_keys(c, limit=SHOWN))
        roles = [(role.value, f"{role.value}: {ROLES[role]}") for role in Role]
        context = {"keys": keys, "said": said, "wrong": wrong, "token": token, "roles": roles, "least": LEAST_ROLE}
        return View("keys.html", context, status)
