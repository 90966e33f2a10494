"""What the audit log says of a revision's changes: every item before and after, as long as they are few."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from gateway.access.audit import LARGEST
from gateway.rulebook.difference import ItemChange
from gateway.rulebook.items import ItemKind

# Items that are told one by one. Of more than a person reads through, the log has the counts and the revision the rest.
MOST_ITEMS: Final = 50


class Account(NamedTuple):
    """Changes of the rulebook as two states of what is not as it was."""

    before: Mapping[str, Any]  # {"items": {"rule:night": …}}, without what was not there
    after: Mapping[str, Any]  # likewise; with {"moved": ["rule:night"]} where the order changed


def account_of(changes: Sequence[ItemChange]) -> Account | None:
    """The account of `changes`; None where it would be long."""
    if len(changes) > MOST_ITEMS:
        return None
    written = {_label(change): change.written() for change in changes}
    if len(msgspec.json.encode(written)) > LARGEST // 2:
        return None
    before = {label: was for label, (was, _) in written.items() if was is not None}
    after: dict[str, Any] = {label: now for label, (_, now) in written.items() if now is not None}
    moved = [_label(change) for change in changes if change.moved]
    return Account({"items": before}, {"items": after} | ({"moved": moved} if moved else {}))


def _label(change: ItemChange) -> str:
    """`rule:night`; the default, the expectations and `managed_by` have no name."""
    return f"{ItemKind(change.kind)}:{change.name}" if change.name else str(change.kind)
