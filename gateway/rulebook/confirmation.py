"""Confirming the revision that waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select, update

from gateway.access.audit import Action, Author, Entry, record
from gateway.clock import to_rfc3339
from gateway.notifications import notify
from gateway.rulebook.pending import Pending, find_pending
from gateway.rulebook.store import CHANNEL, newest_number, one_at_a_time
from gateway.tables import revisions

# What became of a confirmation. To repeat one is harmless, since its answer may have been lost.
Confirmed = Literal["done", "too_late", "not_pending"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """Somebody's word that a revision shall stay."""

    revision: int  # its number
    at: int  # µs
    by: Author


def confirm_revisions(connection: Connection, confirmations: Sequence[Confirmation]) -> list[Confirmed]:
    """Confirm revisions, each only while it is pending and its time is not over. A unit of the journal."""
    return [_confirm(connection, confirmation) for confirmation in confirmations]


def _confirm(connection: Connection, confirmation: Confirmation) -> Confirmed:
    one_at_a_time(connection)
    pending = find_pending(connection)
    if pending is None or pending.revision != confirmation.revision:
        return "done" if _is_confirmed(connection, confirmation.revision) else "not_pending"
    if confirmation.at >= pending.until:
        return "too_late"
    row = revisions.c.number == pending.revision
    connection.execute(update(revisions).where(row).values(confirmed_at=confirmation.at))
    record(connection, _entry(confirmation, pending))
    notify(connection, CHANNEL)
    return "done"


def _is_confirmed(connection: Connection, number: int) -> bool:
    """Whether this is the newest revision and was confirmed before."""
    found = connection.execute(select(revisions.c.confirmed_at).where(revisions.c.number == number)).scalar()
    return found is not None and number == newest_number(connection)


def _entry(confirmation: Confirmation, pending: Pending) -> Entry:
    return Entry(
        at=confirmation.at,
        author=confirmation.by,
        action=Action.CONFIRM,
        object="rulebook",
        before={"revision": pending.revision, "reverts_at": to_rfc3339(pending.until)},
        after={"revision": pending.revision, "reverts_at": None},
    )
