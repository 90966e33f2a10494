"""The cursor that tells where a mistake is."""

from datetime import date
from typing import Any

import pytest

from routing_rules.places import Place
from routing_rules.problem import Problem


def place(value: Any) -> tuple[Place, list[Problem]]:
    problems: list[Problem] = []
    return Place(value, problems), problems


def test_a_place_knows_the_way_to_itself() -> None:
    here, _ = place({"rules": [{"a/b": 1}]})
    assert here.pointer() == ""
    assert here.at("rules").items()[0].at("a/b").pointer() == "/rules/0/a~1b"


def test_a_fixed_table_gives_its_fields_and_tells_what_is_missing_or_unknown() -> None:
    here, problems = place({"id": 1, "nmae": 2})
    assert list(here.table(("id", "name", "then"), required=("id", "then"))) == ["id"]
    assert [(problem.code, problem.pointer) for problem in problems] == [
        ("missing_field", ""),
        ("unknown_field", "/nmae"),
    ]


STAND_INS = {
    "a text": (lambda here: here.text(), 5, ""),
    "one of some words": (lambda here: here.choice(("rtp", "srtp")), "x", "rtp"),
    "a whole number": (lambda here: here.whole(1, 9), "x", 1),
    "a number": (lambda here: here.number(0, 9), 10, 0),
    "true or false": (lambda here: here.truth(), "yes", False),
    "a date": (lambda here: here.day(), "x", date.min),
    "a list": (lambda here: here.items(), {}, []),
    "names": (lambda here: here.members(), [], {}),
}


@pytest.mark.parametrize(("ask", "value", "stand_in"), STAND_INS.values(), ids=STAND_INS.keys())
def test_a_place_that_holds_something_else_reports_it_and_hands_out_a_stand_in(ask, value, stand_in) -> None:
    here, problems = place(value)
    assert ask(here) == stand_in
    assert len(problems) == 1


KINDS = {
    None: "null (leave the field off instead)",
    True: "true",
    False: "false",
    1.5: "a number",
    "x": "a text",
    (): "a list",
    date(2026, 1, 1): "a date",
}


@pytest.mark.parametrize(("value", "kind"), [*KINDS.items(), ({}, "a table")])
def test_the_kind_of_a_value_is_told_in_words(value: Any, kind: str) -> None:
    here, problems = place(value)
    here.items() if kind != "a list" else here.truth()
    assert problems[0].detail.endswith(f", not {kind}")


def test_a_copy_of_a_json_value_shares_nothing_with_it() -> None:
    value = {"a": [1, {"b": None}], "c": "line\nline", "d": 1.5, "e": True}
    here, problems = place(value)
    copy = here.plain()
    value["a"][1]["b"] = 2
    assert copy == {"a": [1, {"b": None}], "c": "line\nline", "d": 1.5, "e": True}
    assert problems == []
