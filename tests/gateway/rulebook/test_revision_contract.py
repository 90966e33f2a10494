from gateway.rulebook.difference import ItemChange
from gateway.rulebook.items import ItemKind
from gateway.rulebook.revision_contract import MOST_FIELDS, show_change, shown_change
from routing_rules import Reject, Rule


def test_a_change_is_told_in_the_words_of_a_document() -> None:
    before, after = Rule(id="a", then=Reject(status=486)), Rule(id="a", then=Reject(status=480), note="n")
    told = shown_change(ItemChange(kind=ItemKind.RULE, name="a", before=before, after=after, moved=True))
    assert (told.kind, told.name, told.change, told.moved, told.more) == ("rule", "a", "changed", True, 0)
    assert {field.pointer: (field.before, field.after) for field in told.fields} == {
        "/then/reject": (486, 480),
        "/note": (None, "n"),
    }


def test_of_very_many_fields_the_first_are_told_and_the_others_counted() -> None:
    entries = [f"+1555{number:07}" for number in range(MOST_FIELDS + 3)]
    told = show_change("list", "l", "added", None, entries, moved=False)
    assert (len(told.fields), told.more) == (MOST_FIELDS, 3)
