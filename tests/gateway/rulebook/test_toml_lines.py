"""Lines of a TOML file, by JSON pointer."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rulebook.file_form import write_toml
from gateway.rulebook.toml_lines import lines_of

FILE = r'''# a comment = [
default = { reject = 603 }   # another ] one

[profiles.sales]
model = "m"
instructions = """
Say "hello" and \"""bye\""".
[not.a.header]
"""
audio = { output = { voice = "marin" } }
notes.'first "one"'.level = 1.5

[lists]
blocked = [
  "+15550009999",   # he knows why

  "+4420*", "[x",
]
'odd/name~' = ["a"]

[[rules]]
id = "a"
when = { called = ["+1*",
  "+2*"], during = "x" }
then.reject = 486

[[rules]]
id = "b"
[rules.when]
caller = '''
FILE += """'''
+44]'''
[[rules.tags]]
name = 1
[[rules.tags]]
name = 2
[[rules]]
id = 2026-12-01T10:00:00+01:00
[[rules.tags]]
name = 3
"""

LINES = {
    "": 1,
    "/default/reject": 2,
    "/profiles/sales": 4,
    "/profiles/sales/model": 5,
    "/profiles/sales/instructions": 6,
    "/profiles/sales/audio/output/voice": 10,
    '/profiles/sales/notes/first "one"/level': 11,
    "/lists": 13,
    "/lists/blocked": 14,
    "/lists/blocked/0": 15,
    "/lists/blocked/1": 17,
    "/lists/blocked/2": 17,
    "/lists/odd~1name~0": 19,
    "/rules": 21,
    "/rules/0": 21,
    "/rules/0/id": 22,
    "/rules/0/when/called/0": 23,
    "/rules/0/when/called/1": 24,
    "/rules/0/when/during": 24,
    "/rules/0/then/reject": 25,
    "/rules/1": 27,
    "/rules/1/when/caller": 30,
    "/rules/1/tags/0/name": 33,
    "/rules/1/tags/1/name": 35,
    "/rules/2/id": 37,
    "/rules/2/tags/0/name": 39,
    "/rules/0/when/nothing": 23,  # the nearest above
    "/rules/9": 21,
    "/nothing/at/all": 1,
}


def test_the_file_is_what_it_seems_to_be() -> None:
    assert len(tomllib.loads(FILE)["rules"]) == 3


@pytest.mark.parametrize(("pointer", "line"), LINES.items(), ids=LINES.keys())
def test_a_place_has_its_line(pointer: str, line: int) -> None:
    assert lines_of(FILE, [pointer]) == {pointer: line}


def test_many_places_are_found_at_once() -> None:
    assert lines_of(FILE, LINES) == LINES


TEXTS = st.text("ab\"'\\\n[]{}=,.# é", max_size=12)
VALUES: Any = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-5, 5), st.floats(-9, 9)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
TABLES = st.dictionaries(TEXTS, VALUES, max_size=3)
DOCUMENTS = st.fixed_dictionaries(
    {
        "default": TABLES,
        "profiles": st.dictionaries(TEXTS, TABLES, max_size=2),
        "calendars": st.just({}),
        "lists": st.dictionaries(TEXTS, st.lists(TEXTS, max_size=3), max_size=2),
        "rules": st.lists(TABLES, max_size=3),
    }
)


def places(value: Any, pointer: str = "") -> Iterator[str]:
    yield pointer
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from places(member, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_whatever_is_written_every_rule_has_its_header_and_its_members_follow(document: Any) -> None:
    text = write_toml(document, 1)
    pointers = list(places(document))
    lines = lines_of(text, pointers)
    assert all(1 <= line <= text.count("\n") for line in lines.values())
    for number, rule in enumerate(document["rules"]):
        header = lines[f"/rules/{number}"]
        assert text.split("\n")[header - 1] == "[[rules]]"
        assert all(lines[f"/rules/{number}{pointer}"] >= header for pointer in places(rule))


def test_a_place_at_the_end_of_a_large_file_is_found() -> None:
    rules = "".join(f'[[rules]]\nid = "r{n}"\nwhen = {{ called = "+1555{n:07}" }}\n' for n in range(20_000))
    assert lines_of(rules, ["/rules/19999/when/called"]) == {"/rules/19999/when/called": 60_000}
