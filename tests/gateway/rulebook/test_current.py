import json
from datetime import UTC, datetime

import pytest

from gateway.actions.plan import make_plan
from gateway.rulebook.current import Current, compile_revision, years_around
from gateway.rulebook.examination import examine
from gateway.rulebook.overrides import Overrides, RecordedOverride
from gateway.rulebook.store import Revision, starter
from routing_rules import DocumentError


def a_revision(number: int) -> Revision:
    return Revision(number=number, document={"rules": [{"id": "all", "then": {"reject": 486}}]})


def test_before_the_first_publish_the_starter_is_in_force() -> None:
    current = Current()
    assert current.compiled.number == 0
    assert [rule.id for rule in current.compiled.rulebook.rules] == [rule["id"] for rule in starter().document["rules"]]


def test_a_newer_revision_replaces_an_older_one_and_not_the_other_way_round() -> None:
    current = Current()
    current.swap(compile_revision(a_revision(2)))
    current.swap(compile_revision(a_revision(1)))
    assert current.compiled.number == 2


def test_a_revision_that_comes_into_force_ends_a_failure() -> None:
    current = Current()
    current.swap(compile_revision(a_revision(2)))
    current.failure = "revision 3 cannot be used"
    current.swap(compile_revision(a_revision(1)))
    assert current.failure is not None
    current.swap(compile_revision(a_revision(4)))
    assert current.failure is None


def test_a_document_that_cannot_be_read_is_not_compiled() -> None:
    with pytest.raises(DocumentError):
        compile_revision(Revision(number=1, document={"rulez": []}))


def test_a_profile_that_would_be_refused_today_still_answers_what_it_was_published_for() -> None:
    profile = {"model": "m", "voice": "of the beta", "extends": "nobody", "max_seconds": "long", "audio": []}
    document = {"profiles": {"old": profile}, "default": {"accept": "old"}}
    with pytest.raises(DocumentError):
        examine(document, lambda target: None)
    compiled = compile_revision(Revision(number=3, document=document))
    body = make_plan(compiled.rulebook.default, compiled.rulebook).steps[0].body
    assert json.loads(body) == {"type": "realtime", "model": "m", "voice": "of the beta", "audio": []}


def test_holidays_are_looked_up_for_the_years_around_now() -> None:
    new_year = int(datetime(2026, 12, 31, 23, tzinfo=UTC).timestamp() * 1e6)
    assert years_around(new_year) == (2025, 2026, 2027)


def overrides(number: int, *live: RecordedOverride) -> Overrides:
    return Overrides(number=number, live=live)


STORM = RecordedOverride(
    id="storm", document={"then": {"reject": 480}}, reason="trees fell", author="Ann", created_at=0, until=100
)


def test_overrides_stand_above_every_revision_and_an_older_state_of_them_is_dropped() -> None:
    current = Current()
    current.override(overrides(2, STORM))
    current.override(overrides(1))
    current.swap(compile_revision(a_revision(1)))
    assert (current.compiled.number, current.compiled.overrides) == (1, 2)
    assert current.compiled.table.overlay is not None
    assert current.revision.table.overlay is None
    current.override(overrides(3))
    assert (current.compiled.number, current.compiled.overrides) == (1, 3)
    assert current.compiled.table.overlay is None


def test_what_is_in_force_by_exception_is_a_concern() -> None:
    current = Current()
    assert current.concerns(0) == {}
    current.override(overrides(1, STORM))
    concern = "1 in force: storm until 1970-01-01T00:00:00.000Z by Ann (trees fell)"
    assert current.concerns(99) == {"overrides": concern}
    assert current.concerns(100) == {}
    current.failure = "revision 3 cannot be used"
    assert current.concerns(100) == {"rulebook": "revision 3 cannot be used"}
