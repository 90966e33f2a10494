"""The audit log: who changed or revealed what, when, and how it was before.

Append-only: an entry is written in the transaction of the change that it tells of, so that neither is there without
the other, and the database itself refuses to change or delete one (see `gateway.tables.audit`). Nothing here ever
holds a secret: what looks like one is removed, and keys are told by id and prefix.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, or_, select

from gateway.redaction import Redactor
from gateway.tables import audit

# Bytes of `before` or `after`: some pages of instructions. What is larger (a list of 100,000 numbers) is kept by the
# revision that holds it, and the log must not grow with it.
LARGEST: Final = 64 * 1024


class Action(StrEnum):
    """What was done."""

    CREATE_KEY = "key.create"
    REVOKE_KEY = "key.revoke"
    PUBLISH = "rulebook.publish"
    CONFIRM = "rulebook.confirm"
    ADD_OVERRIDE = "override.add"
    END_OVERRIDE = "override.end"
    HANG_UP = "call.hangup"
    TRANSFER = "call.refer"
    REVEAL_CALLERS = "callers.reveal"
    ERASE_CALLS = "calls.erase"
    ROTATE_ENCRYPTION = "encryption.rotate"
    CREATE_CLIENT_SECRET = "client_secret.create"  # noqa: S105  the name of a deed


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Who did it."""

    id: str  # of the key, or "bootstrap" for GATEWAY_ADMIN_KEY, "cli" for the command line, "gateway" for itself
    name: str  # of the key, or of the account that runs the command line
    address: str | None = None  # of the peer that sent the request, which may be a proxy


# What the gateway does by itself.
GATEWAY: Final = Author(id="gateway", name="gateway")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that was done."""

    at: int  # µs
    author: Author
    action: str  # an `Action`, or what a newer release calls it
    object: str  # what it was done to: "rulebook", "key:key_1f…", "call:rtc_1…"
    before: Mapping[str, Any] | None = None  # the object's state, as far as it changed; None: it was not there
    after: Mapping[str, Any] | None = None  # likewise; None: it is not there any more


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """An entry as the log has it."""

    id: int  # ascends
    entry: Entry


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which entries are wanted; None asks for nothing."""

    since: int | None = None  # µs, included
    until: int | None = None  # µs, excluded
    author: str | None = None  # an id or a name
    action: Action | None = None
    object: str | None = None


def record(connection: Connection, *entries: Entry) -> None:
    """Append entries to the log, in the transaction of what they tell of."""
    if entries:
        connection.execute(insert(audit), [_row(entry) for entry in entries])


def find_entries(connection: Connection, wanted: Wanted, *, limit: int, before: int | None = None) -> list[Recorded]:
    """Entries, the newest first, from behind the one with the id `before`."""
    found = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        found = found.where(audit.c.id < before)
    if wanted.since is not None:
        found = found.where(audit.c.at >= wanted.since)
    if wanted.until is not None:
        found = found.where(audit.c.at < wanted.until)
    if wanted.author is not None:
        found = found.where(or_(audit.c.author == wanted.author, audit.c.author_name == wanted.author))
    if wanted.action is not None:
        found = found.where(audit.c.action == wanted.action)
    if wanted.object is not None:
        found = found.where(audit.c.object == wanted.object)
    return [_recorded(row) for row in connection.execute(found)]


_redactor: Final = Redactor()


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry.at,
        "author": entry.author.id,
        "author_name": entry.author.name,
        "address": entry.author.address,
        "action": str(entry.action),
        "object": entry.object,
        "before": _written(entry.before),
        "after": _written(entry.after),
    }


def _written(state: Mapping[str, Any] | None) -> str | None:
    """A state as JSON, without secrets, and not longer than `LARGEST`."""
    if state is None:
        return None
    text = msgspec.json.encode(_redactor.clean(state, numbers=False))
    return text.decode() if len(text) <= LARGEST else f'{{"omitted_bytes":{len(text)}}}'


def _recorded(row: Any) -> Recorded:
    entry = Entry(
        at=row.at,
        author=Author(id=row.author, name=row.author_name, address=row.address),
        action=row.action,
        object=row.object,
        before=_read(row.before),
        after=_read(row.after),
    )
    return Recorded(id=row.id, entry=entry)


def _read(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])
