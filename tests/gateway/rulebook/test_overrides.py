from typing import Any

from sqlalchemy import update

from gateway.access.audit import Author, find_entries
from gateway.access.audit import Wanted as Audited
from gateway.database import Database
from gateway.rulebook.overrides import (
    MOST_LIVE,
    Added,
    Addition,
    Ending,
    Overrides,
    RecordedOverride,
    add_overrides,
    end_overrides,
    find_live,
    find_override,
    find_state,
    list_overrides,
    newest_change,
)
from gateway.tables import overrides
from routing_rules import read_document, read_override

ANN = Author(id="key_ann", name="Ann")
BOB = Author(id="key_bob", name="Bob")


def addition(name: str, *, at: int = 100, until: int = 200, **document: Any) -> Addition:
    rule = read_override(name, {"then": {"reject": 480}} | document)
    return Addition(rule=rule, reason="power cut", until=until, at=at, by=ANN)


def add(database: Database, *additions: Addition) -> list[Added]:
    with database.transaction() as connection:
        return add_overrides(connection, additions)


def end(database: Database, *endings: Ending) -> list[RecordedOverride | None]:
    with database.transaction() as connection:
        return end_overrides(connection, endings)


def state(database: Database, number: int, now: int = 150) -> list[str]:
    with database.transaction() as connection:
        return names(find_state(connection, number, now))


def live(database: Database, now: int = 150) -> Overrides:
    with database.transaction() as connection:
        return find_live(connection, now)


def names(found: Overrides) -> list[str]:
    return [override.id for override in found.live]


def test_an_override_is_found_as_it_was_added(database: Database) -> None:
    document = {"when": {"called": "+1555*"}, "then": {"refer": "tel:+15557654321"}}
    (added,) = add(database, addition("storm", **document))
    expected = RecordedOverride(
        id="storm", document=document, reason="power cut", author="Ann", created_at=100, until=200, added_in=1
    )
    assert added == Added(expected)
    with database.transaction() as connection:
        assert find_override(connection, "storm") == expected
        assert find_override(connection, "calm") is None
    assert live(database) == Overrides(number=1, live=(expected,))


def test_every_change_makes_a_state_that_can_be_had_again(database: Database) -> None:
    assert state(database, 0) == []
    add(database, addition("a"), addition("b"))
    end(database, Ending("a", 120, BOB))
    add(database, addition("c", until=140))
    end(database, Ending("b", 130, BOB))
    with database.transaction() as connection:
        assert newest_change(connection) == 5
    states = {number: state(database, number, now=110) for number in range(6)}
    assert states == {0: [], 1: ["a"], 2: ["b", "a"], 3: ["b"], 4: ["c", "b"], 5: ["c"]}
    assert state(database, 5, now=140) == []  # the clock has ended it without a change


def test_what_is_live_leaves_out_what_has_expired_or_ended(database: Database) -> None:
    add(database, addition("a"), addition("b", until=300), addition("c"))
    end(database, Ending("c", 110, BOB))
    found = live(database, 199)
    assert (found.number, names(found)) == (4, ["b", "a"])
    assert names(live(database, 200)) == ["b"]
    assert names(found.at(200)) == ["b"]
    assert names(found.at(300)) == []


def test_the_first_end_stands_and_nothing_ends_what_has_expired(database: Database) -> None:
    add(database, addition("a"), addition("b"))
    first, again, unknown, expired = end(
        database, Ending("a", 120, BOB), Ending("a", 130, ANN), Ending("x", 130, ANN), Ending("b", 200, ANN)
    )
    assert first is not None
    assert (first.ended_at, first.ended_by, first.ended_in) == (120, "Bob", 3)
    assert again == first
    assert unknown is None
    assert expired is not None
    assert (expired.ended_at, expired.ended_in) == (None, None)


def test_an_id_is_never_used_again(database: Database) -> None:
    add(database, addition("a"))
    end(database, Ending("a", 120, BOB))
    assert add(database, addition("a", at=130)) == [Added(None, taken=True)]
    assert [added.taken for added in add(database, addition("b"), addition("b"))] == [False, True]


def test_no_more_are_in_force_than_can_be_asked_in_turn(database: Database) -> None:
    add(database, *[addition(f"o{number}") for number in range(MOST_LIVE)])
    assert add(database, addition("more")) == [Added(None, full=True)]
    assert add(database, addition("later", at=200, until=300))[0].override is not None


def test_the_list_comes_in_pages_with_what_is_over_or_without(database: Database) -> None:
    add(database, *[addition(name, until=160 if name == "b" else 200) for name in "abcd"])
    end(database, Ending("c", 150, BOB))
    with database.transaction() as connection:
        assert [one.id for one in list_overrides(connection, limit=9, live_at=170)] == ["d", "a"]
        first = list_overrides(connection, limit=3)
        rest = list_overrides(connection, limit=3, before=first[-1].added_in)
        assert [one.id for one in first + rest] == ["d", "c", "b", "a"]


def test_who_added_and_ended_it_is_in_the_audit_log(database: Database) -> None:
    add(database, addition("a"), addition("a"))
    end(database, Ending("a", 120, BOB), Ending("a", 130, ANN))
    with database.transaction() as connection:
        ended, added = (found.entry for found in find_entries(connection, Audited(), limit=9))
    told = {
        "then": {"reject": 480},
        "reason": "power cut",
        "until": "1970-01-01T00:00:00.000Z",
        "ended_at": None,
    }
    assert (added.at, added.author, added.action, added.object) == (100, ANN, "override.add", "override:a")
    assert (added.before, added.after) == (None, told)
    assert (ended.at, ended.author, ended.action, ended.before) == (120, BOB, "override.end", told)
    assert ended.after == told | {"ended_at": "1970-01-01T00:00:00.000Z"}


def test_one_that_this_release_cannot_read_is_left_out_and_says_why(database: Database) -> None:
    add(database, addition("a"), addition("b"))
    with database.transaction() as connection:
        connection.execute(
            update(overrides).where(overrides.c.id == "a").values(document='{"then": {"teleport": true}}')
        )
    found = live(database)
    rulebook = read_document({})
    assert [override.rule.id for override in found.readable()] == ["override:b"]
    assert [override.problem(rulebook) for override in found.live] == [None, "this release cannot read it"]


def test_one_that_lacks_something_says_what(database: Database) -> None:
    add(database, addition("a", when={"caller": "list:vip"}, then={"accept": "night"}))
    (override,) = live(database).live
    assert override.problem(read_document({})) == "the rulebook lacks profiles/night; the rulebook lacks lists/vip"
    assert override.problem(read_document({"profiles": {"night": {}}, "lists": {"vip": []}})) is None
