"""What is shown of items, as the API tells it."""

import msgspec
import pytest

from gateway.database import Database
from gateway.rulebook.item_desk import Read, read_item, shown
from gateway.rulebook.items import ItemKind, Row
from gateway.rulebook.store import Revision
from tests.gateway.rulebook.rulebooks import insert_revision

DOCUMENT = {
    "profiles": {"sales": {"model": "m"}},
    "calendars": {"office": {"zone": "UTC"}},
    "lists": {"vip": ["+15551230000", "+15551230001"], "none": []},
    "rules": [{"id": "a", "then": {"reject": 486}}, {"id": "b", "then": {"accept": "sales"}}],
    "default": {"reject": 603},
}


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (ItemKind.RULE, "b", {"position": 2, "id": "b", "then": {"accept": "sales"}}),
        (ItemKind.PROFILE, "sales", {"name": "sales", "profile": {"model": "m"}}),
        (ItemKind.CALENDAR, "office", {"name": "office", "calendar": {"zone": "UTC"}}),
        (ItemKind.LIST, "vip", {"name": "vip", "entries": ["+15551230000", "+15551230001"]}),
        (ItemKind.LIST, "none", {"name": "none", "entries": []}),
        (ItemKind.DEFAULT, "", {"default": {"reject": 603}}),
    ],
)
def test_an_item_is_told_with_its_revision_and_the_one_that_last_changed_it(
    database: Database, kind: ItemKind, name: str, told: dict[str, object]
) -> None:
    with database.transaction() as connection:
        insert_revision(connection, Revision(number=4, document=DOCUMENT))
        found = read_item(connection, kind, name)
    assert isinstance(found, Read)
    assert msgspec.json.decode(msgspec.json.encode(found.shown())) == {"revision": 4, "edited": 4, **told}


def test_where_there_is_no_such_item_the_revision_is_told(sqlite: Database) -> None:
    with sqlite.transaction() as connection:
        insert_revision(connection, Revision(number=4, document=DOCUMENT))
        assert read_item(connection, ItemKind.RULE, "nobody") == 4


def test_of_a_list_among_others_the_length_is_told() -> None:
    assert shown(Row(ItemKind.LIST, "vip", 0, b"2", 1), 0) == {"name": "vip", "count": 2}
