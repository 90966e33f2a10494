import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rulebook.places import ROOM, STEP, assign, renew, runs, spread


def in_order(order: list[str], places: dict[str, int]) -> bool:
    found = [places[name] for name in order]
    return all(one < other for one, other in itertools.pairwise(found))


def test_names_that_need_places_are_found_side_by_side_with_their_neighbours() -> None:
    order = list("abCDeF")
    assert [(run.left, "".join(run.names), run.right) for run in runs(order, {"C", "D", "F"})] == [
        ("b", "CD", "e"),
        ("e", "F", None),
    ]
    assert list(runs(order, set())) == []


def test_at_both_ends_there_is_always_room() -> None:
    assert spread(None, 2, None) == [0, STEP]
    assert spread(5, 2, None) == [5 + STEP, 5 + 2 * STEP]
    assert spread(None, 2, 5) == [5 - 2 * STEP, 5 - STEP]


def test_between_two_places_there_may_be_no_room() -> None:
    assert spread(0, 3, 4) == [1, 2, 3]
    assert spread(0, 4, 4) is None
    assert spread(0, 0, 1) == []


def test_one_rule_put_between_two_of_100_000_gets_one_place() -> None:
    order = [f"r{number}" for number in range(100_000)]
    known = {name: number * STEP for number, name in enumerate(order)}
    order.insert(50_000, "new")
    assert assign(order, {"new"}, known) == {"new": 49_999 * STEP + STEP // 2}


def test_where_room_is_used_up_only_the_neighbourhood_is_renewed() -> None:
    order = [f"r{number}" for number in range(10_000)]
    known = {name: number * STEP for number, name in enumerate(order)}
    inserted = 0
    renewed: list[int] = []
    while len(renewed) < 3:
        name = f"new{inserted}"
        inserted += 1
        order.insert(order.index("r5000"), name)  # always before the same rule
        found = assign(order, {name}, known)
        if found is None:
            found = renew(order, {name}, known)
            renewed.append(len(found))
        known |= found
        assert in_order(order, known)
    assert inserted > 70
    assert max(renewed) < 200
    assert ROOM < STEP


@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(st.integers(0, 40), unique=True, max_size=12).map(sorted),
    spots=st.lists(st.integers(0, 12), max_size=8),
)
def test_every_name_gets_a_place_in_the_order_however_little_room_there_is(places: list[int], spots: list[int]) -> None:
    order = [f"r{place}" for place in places]
    known = dict(zip(order, places, strict=True))
    fresh = set()
    for number, spot in enumerate(spots):
        order.insert(spot, f"new{number}")
        fresh.add(f"new{number}")
    found = renew(order, fresh, known)
    assert fresh <= found.keys()
    assert all(name in fresh or known[name] != place for name, place in found.items())
    assert in_order(order, known | found)
    simply = assign(order, fresh, known)
    assert simply is None or in_order(order, known | simply)
