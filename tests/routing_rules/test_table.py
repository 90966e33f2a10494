"""Compiling a rulebook."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from routing_rules import CompiledTable, DocumentError, compile_table, decide, read_document
from tests.routing_rules.calls import TUESDAY, call


def test_a_rulebook_that_names_what_it_lacks_is_not_compiled() -> None:
    when = {"caller": "list:gone", "during": "gone"}
    rulebook = read_document({"rules": [{"id": "r", "when": when, "then": {"ignore": True}}]})
    with pytest.raises(DocumentError) as raised:
        compile_table(rulebook)
    assert [problem.pointer for problem in raised.value.problems] == ["/rules/0/when/caller", "/rules/0/when/during"]


def test_holidays_come_from_the_callable() -> None:
    document = {
        "calendars": {"office": {"zone": "UTC", "open": "Mon-Sun 00:00-24:00", "holidays": "DE-BE"}},
        "rules": [{"id": "r", "when": {"during": "office"}, "then": {"ignore": True}}],
    }
    rulebook = read_document(document)
    holiday = compile_table(rulebook, holidays=lambda code, year: [TUESDAY.date()], years=[2026])
    ordinary = compile_table(rulebook, holidays=lambda code, year: [date(year, 1, 1)])
    assert [decide(table, call(), TUESDAY).rule for table in (holiday, ordinary)] == [None, "r"]


# --- a table like another ---------------------------------------------------------------------------------------------


def after(edited: dict[str, Any], **sections: Any) -> tuple[CompiledTable, CompiledTable]:
    """Two tables of the rules a, b and an edited one: compiled like the one before the edit, and from nothing."""
    standing = [
        {"id": "a", "when": {"header": {"X-A": "1"}, "called": "re:.*77"}, "then": {"reject": 480}},
        {"id": "b", "when": {"called": "+1555*", "caller": "list:vip"}, "then": {"reject": 486}},
    ]
    document: dict[str, Any] = {"lists": {"vip": ["+14155550100"]}, "rules": standing}
    before = read_document(document)
    new = read_document({"rules": [edited], **sections})
    lists = new.lists if "lists" in sections else before.lists
    rulebook = replace(before, rules=(*before.rules, *new.rules), lists=lists)
    like = compile_table(before)
    return compile_table(rulebook, like=like), compile_table(rulebook)


CALLS = [
    call(called="+15550000077", headers=(("X-A", "1"),)),
    call(called="+15550000078", headers=(("X-B", "2"),)),
    call(called="+49301234599", headers=(("X-B", "2"),)),
    call(called="+1444"),
]


@pytest.mark.parametrize(
    "when", [{}, {"header": {"X-B": "2"}}, {"called": "re:.*99"}, {"called": "+1444", "caller": "+1415*"}], ids=str
)
def test_a_table_compiled_like_another_decides_as_one_compiled_from_nothing(when: dict[str, Any]) -> None:
    like, whole = after({"id": "new", "when": when, "then": {"reject": 404}})
    found = [decide(like, facts, TUESDAY) for facts in CALLS]
    assert found == [decide(whole, facts, TUESDAY) for facts in CALLS]
    assert "new" in [verdict.rule for verdict in found]


def test_a_table_compiled_like_another_needs_all_names_too() -> None:
    with pytest.raises(DocumentError):
        after({"id": "new", "when": {"caller": "list:gone"}, "then": {"reject": 404}})
    with pytest.raises(DocumentError) as raised:
        after({"id": "new", "then": {"reject": 404}}, lists={})
    assert [problem.pointer for problem in raised.value.problems] == ["/rules/1/when/caller"]


def test_a_replaced_rule_is_not_taken_for_the_one_before() -> None:
    before = read_document({"rules": [{"id": "a", "when": {"called": "+1444"}, "then": {"reject": 480}}]})
    after = read_document({"rules": [{"id": "a", "when": {"called": "+1555*"}, "then": {"reject": 486}}]})
    table = compile_table(after, like=compile_table(before))
    assert [decide(table, facts, TUESDAY).rule for facts in CALLS] == ["a", "a", None, None]
