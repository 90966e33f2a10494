import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.console.profile_form import profile_of, texts_of
from gateway.console.schema_fields import Json, Lines, Named, Number, Reader, Table, Text, in_order_of
from tests.gateway.profiles.right import RIGHT
from tests.gateway.profiles.wrong import WRONG

KNOWN = [
    *("model", "instructions", "audio", "input", "output", "turn_detection", "type", "voice", "speed", "tools", "name"),
    *("transfers", "keys", "metadata", "silence", "seconds", "extra", "max_output_tokens", "tracing", "tool_choice"),
]
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", " ", "off", "true", "12", "inf", "function", "mcp", "semantic_vad", "a\nb", "a\r\n", "\n"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(KNOWN), st.text(max_size=3)), inner, max_size=4),
    ),
    max_leaves=8,
)
profiles = st.dictionaries(st.one_of(st.sampled_from(KNOWN), st.text(max_size=3)), values, max_size=6)


def there_and_back(profile: dict[str, Any]) -> dict[str, Any]:
    """A profile through its form."""
    back, mistakes = profile_of(texts_of(profile), profile)
    assert mistakes == {}
    return back


@pytest.mark.parametrize("cases", [RIGHT, WRONG], ids=["right", "wrong"])
def test_a_profile_comes_out_of_its_form_byte_for_byte(cases: dict[str, tuple[Any, ...]]) -> None:
    for name, (profile, *_) in cases.items():
        assert json.dumps(there_and_back(profile)) == json.dumps(profile), name


@settings(max_examples=40)
@given(profiles)
def test_whatever_a_profile_holds_comes_out_of_its_form(profile: dict[str, Any]) -> None:
    assert json.dumps(there_and_back(profile)) == json.dumps(profile)


def test_what_was_typed_wrongly_is_left_to_the_one_who_checks() -> None:
    reader = Reader({"p": ["0,8"]})
    assert Number().read(reader, "p") == "0,8"
    assert reader.mistakes == {}


@pytest.mark.parametrize(
    ("sent", "field", "told"),
    [
        ({"p": ["{"]}, "p", "not JSON"),
        ({"p!": ["[]"]}, "p!", "must be a table"),
        ({"p.a": ["x"], "p!": ['{"a": 1}']}, "p!", "'a' has a field of its own"),
        ({"p.n.0#": ["x"], "p.n.0": ["1"], "p.n.1#": ["x"], "p.n.1": ["2"]}, "p.n.1#", "stands here twice"),
        ({"p.n.0#": [""], "p.n.0": ["1"]}, "p.n.0#", "needs a name"),
    ],
)
def test_a_mistake_is_told_at_its_field(sent: dict[str, list[str]], field: str, told: str) -> None:
    reader = Reader(sent)
    table = Json() if "p" in sent else Table(members={"a": Text(), "n": Named(entry=Text())})
    table.read(reader, "p")
    assert told in reader.mistakes[field]


def test_an_empty_row_says_nothing_and_a_gap_between_rows_is_none() -> None:
    sent = {"p.7#": ["b"], "p.7": ["2"], "p.3#": [""], "p.3": [""], "p.10#": ["a"], "p.10": ["x\ny"]}
    assert Named(entry=Lines(alone=True)).read(Reader(sent), "p") == {"b": "2", "a": ["x", "y"]}


def test_members_keep_their_order_and_new_ones_come_last() -> None:
    value = in_order_of({"c": 3, "a": 1, "b": [{"y": 2, "x": 1}]}, {"b": [{"x": 0, "y": 0}], "a": 1, "gone": 0})
    assert json.dumps(value) == '{"b": [{"x": 1, "y": 2}], "a": 1, "c": 3}'
