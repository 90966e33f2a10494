"""Rulebooks drawn at random, near enough to each other that edits of every sort lie between two of them."""

from typing import Any

from hypothesis import strategies as st

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
