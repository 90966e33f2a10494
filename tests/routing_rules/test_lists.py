"""Lists, asked all at once."""

from hypothesis import given
from hypothesis import strategies as st

from routing_rules.lists import ListIndex
from tests.routing_rules.calls import ADDRESSES, NUMBERS

ENTRIES = ["+15551230000", "+1555*", "+*", "1001", "sales", "sales@*", "*@pbx.example.com", "sales@example.com"]


def is_on(entries: list[str], number: str, address: str) -> bool:
    """The plain meaning of a list."""
    user, _, host = address.rpartition("@")
    ways = {number, address, f"{user}@*", f"*@{host}"} if address else {number}
    return any(
        entry in ways or ("@" not in entry and entry.endswith("*") and number.startswith(entry[:-1]))
        for entry in entries
    )


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from(ENTRIES), unique=True)),
    st.sampled_from(NUMBERS),
    st.sampled_from(ADDRESSES),
)
def test_one_search_finds_all_lists_that_hold_a_number_or_address(lists, number, address) -> None:
    expected = {name for name, entries in lists.items() if is_on(entries, number, address)}
    assert set(ListIndex(lists).holding(number, address)) == expected
