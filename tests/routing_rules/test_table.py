"""Compiling a rulebook."""

from datetime import date

import pytest

from routing_rules import DocumentError, compile_table, decide, read_document
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
