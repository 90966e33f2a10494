"""Rulebooks stored as a whole; and drawn at random, so near to each other that all sorts of edits lie between two."""

from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection, insert

from gateway.notifications import notify
from gateway.rulebook.item_store import Writing, write_items
from gateway.rulebook.items import rows_of
from gateway.rulebook.store import CHANNEL, Revision
from gateway.tables import revisions
from routing_rules import Rulebook, read_document

_RULES = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([480, 486, 603]), max_size=8)
_NUMBERS = st.lists(st.integers(0, 30).map(lambda number: f"+1555000{number:04}"), unique=True, max_size=12)


@st.composite
def rulebooks(draw: st.DrawFn) -> Rulebook:
    """A rulebook of few items with few values."""
    rules = draw(_RULES)
    order = draw(st.permutations(sorted(rules)))
    document: dict[str, Any] = {
        "rules": [{"id": name, "then": {"reject": rules[name]}} for name in order],
        "profiles": draw(
            st.dictionaries(st.sampled_from("pq"), st.fixed_dictionaries({"model": st.sampled_from("mn")}))
        ),
        "calendars": draw(
            st.dictionaries(
                st.just("office"), st.fixed_dictionaries({"zone": st.sampled_from(["UTC", "Europe/Berlin"])})
            )
        ),
        "lists": draw(st.dictionaries(st.sampled_from("xy"), _NUMBERS)),
        "default": {"reject": draw(st.sampled_from([480, 603]))},
        "expect": [{"name": "it", "call": {}, "rule": "a"}] if draw(st.booleans()) else [],
    }
    return read_document(document)


def insert_revision(connection: Connection, revision: Revision) -> None:
    """Publish a revision as it is, unchecked. Its number must be free."""
    connection.execute(
        insert(revisions).values(
            number=revision.number,
            created_at=revision.created_at,
            author=revision.author,
            comment=revision.comment,
        )
    )
    rows = rows_of(revision.document, revision.number)
    write_items(connection, Writing(number=revision.number, ends=(), rows=rows, everything=True))
    notify(connection, CHANNEL)
