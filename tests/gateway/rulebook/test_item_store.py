"""Rows that are valid from one revision to another, on every database."""

from gateway.database import Database
from gateway.rulebook.item_store import (
    AT_ONCE,
    End,
    Writing,
    clear,
    count_before,
    find_edited,
    find_entries,
    find_item,
    find_places,
    find_rows,
    list_items,
    list_rules,
    sweep,
    write_items,
)
from gateway.rulebook.items import ItemKind, Row


def rule(name: str, place: int, edited: int = 1) -> Row:
    return Row(ItemKind.RULE, name, place, b"{}", edited)


def names(rows: list[Row]) -> str:
    return "".join(row.name for row in rows)


FIRST = Writing(
    number=1,
    ends=(),
    rows=[
        *(rule(name, place) for place, name in enumerate("abc")),
        Row(ItemKind.LIST, "vip", 0, b"3", 1),
        Row(ItemKind.ENTRIES, "vip", 0, b'["+1"]', 1),
        Row(ItemKind.ENTRIES, "vip", 7, b'["+2"]', 1),
        Row(ItemKind.PROFILE, "b", 0, b"{}", 1),
        Row(ItemKind.PROFILE, "a", 0, b"{}", 1),
    ],
)
# b goes to the end, c is gone, d comes; of the list only the second chunk is another.
SECOND = Writing(
    number=2,
    ends=[End(ItemKind.RULE, "b"), End(ItemKind.RULE, "c"), End(ItemKind.ENTRIES, "vip", 7), End(ItemKind.LIST, "vip")],
    rows=[
        rule("b", 9, 2),
        rule("d", 1, 2),
        Row(ItemKind.ENTRIES, "vip", 7, b'["+3"]', 2),
        Row(ItemKind.LIST, "vip", 0, b"3", 2),
    ],
)


def test_each_revision_has_its_own_rows_in_their_order(database: Database) -> None:
    with database.transaction() as connection:
        write_items(connection, FIRST)
        write_items(connection, SECOND)
        for number, order in ((1, "abc"), (2, "adb")):
            assert names(list_rules(connection, number, limit=9)) == order
            assert names([row for row in find_rows(connection, number) if row.kind == ItemKind.RULE]) == order
        assert find_rows(connection, 0) == []
        assert [row.content for row in find_entries(connection, 1, "vip")] == [b'["+1"]', b'["+2"]']
        assert [row.content for row in find_entries(connection, 2, "vip")] == [b'["+1"]', b'["+3"]']


def test_pages_begin_behind_a_place_or_a_name(database: Database) -> None:
    with database.transaction() as connection:
        write_items(connection, FIRST)
        assert names(list_rules(connection, 1, limit=1, after=0)) == "b"
        assert names(list_items(connection, 1, ItemKind.PROFILE, limit=1)) == "a"
        assert names(list_items(connection, 1, ItemKind.PROFILE, limit=9, after="a")) == "b"
        assert count_before(connection, 1, 2) == 2


def test_items_are_found_by_kind_and_name(database: Database) -> None:
    with database.transaction() as connection:
        write_items(connection, FIRST)
        write_items(connection, SECOND)
        assert find_item(connection, 2, ItemKind.RULE, "b") == rule("b", 9, 2)
        assert find_item(connection, 2, ItemKind.RULE, "c") is None
        assert find_edited(connection, 2, ItemKind.RULE, ["a", "b", "c"]) == {"a": 1, "b": 2}
        assert find_places(connection, 2, ["b", "d", "x"]) == {"b": 9, "d": 1}
        assert find_places(connection, 1) == {"a": 0, "b": 1, "c": 2}


def test_a_revision_that_replaces_everything_ends_every_row(database: Database) -> None:
    with database.transaction() as connection:
        write_items(connection, FIRST)
        write_items(connection, Writing(number=2, ends=(), rows=[rule("z", 0, 2)], everything=True))
        assert names(find_rows(connection, 2)) == "z"
        assert len(find_rows(connection, 1)) == len(FIRST.rows)


def test_more_rows_than_one_statement_takes_are_written_and_ended(database: Database) -> None:
    many = [rule(f"r{number}", number) for number in range(2 * AT_ONCE + 1)]
    with database.transaction() as connection:
        write_items(connection, Writing(number=1, ends=(), rows=many))
        assert len(find_edited(connection, 1, ItemKind.RULE, [row.name for row in many])) == len(many)
        write_items(connection, Writing(number=2, ends=[End(ItemKind.RULE, row.name) for row in many[1:]], rows=()))
        assert find_rows(connection, 2) == many[:1]


def test_what_was_never_finished_is_swept_away(database: Database) -> None:
    with database.transaction() as connection:
        write_items(connection, FIRST)
        before = find_rows(connection, 1)
        write_items(connection, SECOND)
        sweep(connection, 1)
        assert find_rows(connection, 1) == find_rows(connection, 2) == before
        clear(connection)
        assert find_rows(connection, 1) == []
