import pytest

from gateway.errors import RequestError
from gateway.preconditions import demand_match, etag, expect_match, has_already
from tests.gateway.asking import a_request


def test_the_etag_of_a_revision_is_its_number_in_quotes() -> None:
    assert etag(7) == '"7"'


@pytest.mark.parametrize("tags", ['"7"', "*", '"6", "7"', '"6","7"', ' "7" ', '"abc", "7"'])
def test_a_write_that_names_the_current_revision_passes(tags: str) -> None:
    demand_match(a_request(("If-Match", tags)), 7)


def test_tags_may_be_spread_over_several_headers() -> None:
    demand_match(a_request(("If-Match", '"6"'), ("If-Match", '"7"')), 7)


@pytest.mark.parametrize("tags", ['"6"', 'W/"7"', '"07"', '""', '"7 "'.replace(" ", "!")])
def test_a_write_from_another_state_is_refused_with_the_current_revision(tags: str) -> None:
    with pytest.raises(RequestError) as refused:
        demand_match(a_request(("If-Match", tags)), 7)
    assert (refused.value.status, refused.value.extra["revision"]) == (412, 7)
    assert refused.value.headers["etag"] == '"7"'


def test_a_write_that_names_no_state_is_refused_with_the_current_revision() -> None:
    with pytest.raises(RequestError) as refused:
        demand_match(a_request(), 7)
    assert (refused.value.status, refused.value.extra["revision"]) == (428, 7)


@pytest.mark.parametrize("tags", ["7", '"7', 'w/"7"', '"7";"8"', '*, "7"', ""])
def test_what_is_no_list_of_tags_is_malformed(tags: str) -> None:
    with pytest.raises(RequestError) as refused:
        demand_match(a_request(("If-Match", tags)), 7)
    assert refused.value.status == 400


def test_a_check_needs_no_state_but_minds_the_one_that_it_is_given() -> None:
    expect_match(a_request(), 7)
    expect_match(a_request(("If-Match", '"7"')), 7)
    with pytest.raises(RequestError) as refused:
        expect_match(a_request(("If-Match", '"6"')), 7)
    assert refused.value.status == 412


@pytest.mark.parametrize(
    ("tags", "has"), [('"7"', True), ('W/"7"', True), ("*", True), ('"6", W/"7"', True), ('"6"', False)]
)
def test_a_reader_that_has_the_revision_need_not_read_it_again(tags: str, has: bool) -> None:
    assert has_already(a_request(("If-None-Match", tags)), 7) is has


def test_a_reader_that_names_nothing_has_nothing() -> None:
    assert not has_already(a_request(), 7)
