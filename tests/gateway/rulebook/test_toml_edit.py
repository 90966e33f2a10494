import tomllib
from typing import Any

import pytest

from gateway.rulebook.toml_edit import edit

TEXT = """\
# what to say
name = 'old'   # quoted otherwise
numbers = [
  1, # one
  2, # two
]
sub = { a = 1, b = { c = 2 } } # inline
[table]
x = 1 # x
[[rules]]
id = "a" # its name
"""


@pytest.mark.parametrize(
    ("before", "after", "lost", "got"),
    [
        ({"name": "old"}, {"name": "old"}, [], []),
        (
            {"name": "old"},
            {"name": "new"},
            ["name = 'old'   # quoted otherwise"],
            ['name = "new"   # quoted otherwise'],
        ),
        ({"numbers": [1, 2]}, {"numbers": [1]}, ["  2, # two"], []),
        ({"table": {"x": 1}}, {"table": {"x": 2}}, ["x = 1 # x"], ["x = 2 # x"]),
        ({"table": {"x": 1}}, {"table": {"x": 1, "y": "z"}}, [], ['y = "z"']),
        ({"name": "old"}, {}, ["name = 'old'   # quoted otherwise"], []),
        (
            {"sub": {"a": 1, "b": {"c": 2}}},
            {"sub": {"a": 1, "b": {"c": 3}}},
            ["sub = { a = 1, b = { c = 2 } } # inline"],
            ["sub = { a = 1, b = { c = 3 } } # inline"],
        ),
    ],
)
def test_only_what_changed_is_written_anew(
    before: dict[str, Any], after: dict[str, Any], lost: list[str], got: list[str]
) -> None:
    edited = edit(TEXT, before, after)
    assert [line for line in TEXT.splitlines() if line not in edited.splitlines()] == lost
    assert [line for line in edited.splitlines() if line not in TEXT.splitlines()] == got
    values = tomllib.loads(edited)
    assert {name: values.get(name) for name in before} == {name: after.get(name) for name in before}


def test_an_element_of_an_array_is_edited_inside() -> None:
    assert edit('[[rules]]\nid = "a" # its name\n', {"id": "a"}, {"id": "b"}, inside="rules") == (
        '[[rules]]\nid = "b" # its name\n'
    )


@pytest.mark.parametrize("after", [[3, 1], [2, 1], [1, 2, 3], [], [1, 1], list(range(2_000))])
def test_a_list_becomes_what_is_wanted(after: list[int]) -> None:
    assert tomllib.loads(edit(TEXT, {"numbers": [1, 2]}, {"numbers": after}))["numbers"] == after


def test_a_value_of_another_kind_takes_the_place_of_a_table() -> None:
    assert tomllib.loads(edit(TEXT, {"sub": "as read"}, {"sub": {"z": 1}}))["sub"] == {"z": 1}


def test_a_text_of_several_lines_stays_one() -> None:
    assert tomllib.loads(edit(TEXT, {"name": "old"}, {"name": 'one\n"two"'}))["name"] == 'one\n"two"'


def test_what_tomlkit_does_not_read_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1"):
        edit("a = ", {"a": 1}, {"a": 2})
