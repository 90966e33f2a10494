import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.answering import Answer, Page, Place, Time, answer, read_cursor, write_cursor
from gateway.errors import RequestError


class Call(Answer):
    at: Time
    name: str | None = None


class Calls(Page[Call]):
    """Calls."""


def test_an_answer_has_every_field_and_tells_times_in_utc() -> None:
    response = answer(Calls(items=[Call(at=1_790_000_000_123_456)]), 201, {"etag": '"7"'})
    assert response.body == b'{"items":[{"at":"2026-09-21T14:13:20.123Z","name":null}],"next":null}'
    assert (response.status_code, response.headers["etag"]) == (201, '"7"')
    assert response.headers["cache-control"] == "no-store"


@given(st.integers(0, 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=50)
def test_a_cursor_is_read_as_it_was_written(number: int, text: str) -> None:
    cursor = write_cursor((number, text))
    assert cursor.replace("-", "").replace("_", "").isalnum()  # needs no escaping in a query
    assert read_cursor(cursor, tuple[Place, str]) == (number, text)


def test_no_cursor_is_the_beginning() -> None:
    assert read_cursor(None, tuple[int]) is None


@given(st.data())
@settings(max_examples=50)
def test_a_mangled_cursor_is_refused(data: st.DataObject) -> None:
    cursor = write_cursor((1_790_000_000_000_000, 12_345))
    place = data.draw(st.integers(0, len(cursor) - 2))  # the last character has bits that mean nothing
    other = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda letter: letter != cursor[place]))
    with pytest.raises(RequestError):
        read_cursor(cursor[:place] + other + cursor[place + 1 :], tuple[Place, Place])


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "AAAA", "AAAAAA", write_cursor(("a", 1)), write_cursor(1), write_cursor((2**63,)), "!" * 9],
)
def test_the_cursor_of_something_else_is_refused_by_name(cursor: str) -> None:
    with pytest.raises(RequestError) as refused:
        read_cursor(cursor, tuple[Place])
    assert refused.value.status == 422
    assert [(told["pointer"], told["in"]) for told in refused.value.errors] == [("/cursor", "query")]
