"""Finding stored prefixes."""

from hypothesis import given
from hypothesis import strategies as st

from routing_rules.prefixes import levels

TEXTS = st.text(alphabet="+12", max_size=6)


@given(st.sets(TEXTS), TEXTS)
def test_a_walk_through_the_levels_finds_every_stored_prefix_once_per_length(stored: set[str], text: str) -> None:
    found = set()
    for length, level in levels({prefix: prefix for prefix in stored}, nothing=None):
        value = level.get(text[:length], "nothing goes on")
        if value == "nothing goes on":
            break
        if value is not None:
            found.add(value)
    assert found == {prefix for prefix in stored if text.startswith(prefix)}
