import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rulebook.file_form import write_toml
from gateway.rulebook.file_rewrite import UnwritableError, rewrite
from routing_rules import Rulebook, read_document, write_document
from tests.gateway.rulebook.rulebooks import rulebooks

KEPT = """\
# Example Ltd.

default = {reject=603} # nobody

[profiles]
sales.model = "gpt-realtime-2.1"   # dotted
support = { model = "gpt-realtime-2.1", audio = { output = { voice = "marin" } } }

[profiles.vip]
model = "gpt-realtime-2.1"
  [profiles.vip.audio.output]
  voice = "cedar" # the calm one

[lists]
# They were told.
blocked = [
  "+15550009999", # Bob
  "+15550008888",      # Eve
]

# ---- numbers ----

# The main number.
[[rules]]
id = "main"   # ticket 12
when.called = "+15551230000"
then = { accept = { profile = "sales" } }   # as agreed

# The VIPs' own.
[[rules]]
id = "vip"
[rules.when]
caller = "+14155550100"   # Ann
called = "+15551230001"
[rules.then]
accept = "vip"

[[rules]]
id = "rest"
then = { reject = 486 }

# ---- tests ----

[[expect]]
name = "Ann reaches us"  # always
call = { called = "+15551230001", caller = "+14155550100" }
rule = "vip"
# the end
"""


def canonical(text: str) -> dict[str, Any]:
    return write_document(read_document(tomllib.loads(text)))


def rewritten(**changed: Any) -> str:
    """The file with other values, which it is checked to have."""
    before = canonical(KEPT)
    after = write_document(read_document(before | changed))
    text = rewrite(KEPT, before, after)
    assert canonical(text) == after
    return text


def changed_lines(text: str) -> tuple[list[str], list[str]]:
    """The lines that the file lost, and those that it got."""
    before, after = KEPT.splitlines(), text.splitlines()
    return [line for line in before if line not in after], [line for line in after if line not in before]


def rules(**changed: Any) -> list[dict[str, Any]]:
    return [rule | changed.get(rule["id"], {}) for rule in canonical(KEPT)["rules"]]


def test_nothing_that_did_not_change_is_touched() -> None:
    assert rewritten() == KEPT


def test_a_changed_field_is_changed_alone_with_the_comment_beside_it_kept() -> None:
    text = rewritten(rules=rules(main={"then": {"accept": "vip"}}))
    assert changed_lines(text) == (
        ['then = { accept = { profile = "sales" } }   # as agreed'],
        ['then = { accept = "vip" }   # as agreed'],
    )


def test_a_field_inside_of_a_table_of_its_own_is_changed_there() -> None:
    text = rewritten(rules=rules(vip={"when": {"caller": "+14155550101", "called": "+15551230001"}}))
    assert changed_lines(text) == (['caller = "+14155550100"   # Ann'], ['caller = "+14155550101"   # Ann'])


@pytest.mark.parametrize("name", ["sales", "support", "vip"])
def test_a_profile_is_changed_and_removed_however_it_is_written(name: str) -> None:
    profiles = canonical(KEPT)["profiles"]
    lost, got = changed_lines(rewritten(profiles=profiles | {name: profiles[name] | {"model": "gpt-realtime-mini"}}))
    assert len(lost) <= 1
    assert [line for line in got if "gpt-realtime-mini" in line] == got
    lost, got = changed_lines(rewritten(profiles={one: profiles[one] for one in profiles if one != name}))
    assert not got


def test_a_new_profile_stands_with_the_others() -> None:
    text = rewritten(profiles=canonical(KEPT)["profiles"] | {"night": {"model": "n"}})
    assert changed_lines(text) == ([], ["[profiles.night]", 'model = "n"'])
    assert text.index("[profiles.vip]") < text.index("[profiles.night]") < text.index("[lists]")


def test_an_entry_of_a_list_comes_and_goes_without_the_comments_of_the_others() -> None:
    lost, got = changed_lines(rewritten(lists={"blocked": ["+15550009999", "+15550007777"]}))
    assert lost == ['  "+15550008888",      # Eve']
    assert [line.strip() for line in got] == ['"+15550007777",'] or got == ['  "+15550007777",']


def test_a_rule_moves_with_its_comment_and_the_heading_above_it_stays() -> None:
    main, vip, rest = rules()
    text = rewritten(rules=[vip, rest, main])
    assert changed_lines(text) == ([], [])
    assert text.index("# ---- numbers ----") < text.index("# The VIPs' own.") < text.index("# The main number.")


def test_a_rule_goes_with_its_comment_and_the_heading_above_it_stays() -> None:
    lost, got = changed_lines(rewritten(rules=rules()[1:]))
    assert not got
    assert "# The main number." in lost
    assert "# ---- numbers ----" not in lost


def test_a_new_rule_stands_behind_the_one_that_it_follows() -> None:
    main, vip, rest = rules()
    text = rewritten(rules=[main, {"id": "new", "then": {"reject": 480}}, vip, rest])
    assert text.index('id = "main"') < text.index('id = "new"') < text.index("# The VIPs' own.")


def test_everything_can_be_taken_away_and_the_comments_of_the_file_stay() -> None:
    text = rewritten(rules=[], profiles={}, lists={}, expect=[])
    assert "# Example Ltd." in text
    assert text.endswith("# the end\n")


def test_rules_in_a_list_on_one_line_are_written_there() -> None:
    text = 'rules = [ { id = "a", then = { reject = 486 } } ] # all\n'
    after = write_document(read_document({"rules": [{"id": "b", "then": {"reject": 480}}]}))
    assert canonical(rewrite(text, canonical(text), after)) == after


def test_a_file_without_a_last_line_break_can_be_added_to() -> None:
    text = 'default = { reject = 486 }\n[[rules]]\nid = "a"\nthen = { reject = 486 }'
    after = canonical(text) | {"rules": [*canonical(text)["rules"], {"id": "b", "then": {"reject": 480}}]}
    assert rewrite(text, canonical(text), canonical(text)) == text
    assert canonical(rewrite(text, canonical(text), after)) == after


TABLE = '[[rules]]\nid = "a"\nthen = { reject = 486 }\n[[rules]] # from a table\neach = { csv = "t.csv" }\n'
IN_TABLE = [{"id": name, "then": {"reject": 603}} for name in ("t1", "t2")]


def test_rules_of_a_table_keep_their_place_in_the_file() -> None:
    first = {"id": "a", "then": {"reject": 486}}
    before = write_document(read_document({"rules": [first, *IN_TABLE]}))
    new = {"id": "new", "then": {"reject": 480}}
    after = write_document(read_document({"rules": [*IN_TABLE, new, first]}))
    text = rewrite(TABLE, before, after, {1: ("t.csv", 2)})
    assert text.index("each") < text.index('id = "new"') < text.index('id = "a"')


@pytest.mark.parametrize(
    "rest", [[], IN_TABLE[:1], IN_TABLE[::-1], [IN_TABLE[0], {"id": "t2", "then": {"reject": 480}}]]
)
def test_a_change_of_rules_that_stand_in_a_table_is_refused(rest: list[dict[str, Any]]) -> None:
    first = {"id": "a", "then": {"reject": 486}}
    before = write_document(read_document({"rules": [first, *IN_TABLE]}))
    with pytest.raises(UnwritableError, match=r"t\.csv"):
        rewrite(TABLE, before, before | {"rules": [first, *rest]}, {1: ("t.csv", 2)})


@settings(max_examples=150, deadline=None)
@given(rulebooks(), rulebooks(), st.data())
def test_any_rulebook_can_be_written_into_the_file_of_any_other(
    one: Rulebook, other: Rulebook, data: st.DataObject
) -> None:
    before, after = write_document(one), write_document(other)
    lines = write_toml(before, 1).splitlines(keepends=True)
    comments = data.draw(st.lists(st.sampled_from(["", "", "# above\n", "\n# apart\n\n"]), min_size=20, max_size=20))
    text = ""
    for number, line in enumerate(lines):
        text += (comments[number % 20] if line.startswith("[") else "") + line
    assert rewrite(text, before, before) == text
    written = rewrite(text, before, after)
    assert read_document(tomllib.loads(written)) == other
    assert rewrite(written, after, after) == written
    assert written.count("# apart") == text.count("# apart")
