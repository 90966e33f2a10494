"""The rulebook as a value."""

from routing_rules import Reject, Rulebook


def test_an_empty_rulebook_rejects_every_call() -> None:
    rulebook = Rulebook()
    assert rulebook.default == Reject(status=603)
    assert (rulebook.rules, rulebook.profiles, rulebook.calendars, rulebook.lists) == ((), {}, {}, {})
