import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rulebook.file_form import WIDTH, nulls, write_toml
from gateway.rulebook.store import starter
from routing_rules import read_document, write_document

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text(
    alphabet="\"\\\n\r\t a\x7f'", max_size=10
)
plain = st.recursive(
    texts | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(texts, values, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(texts, plain, max_size=3)
documents = st.fixed_dictionaries(
    {
        "default": tables,
        "profiles": st.dictionaries(texts, tables, max_size=3),
        "calendars": st.dictionaries(texts, tables, max_size=2),
        "lists": st.dictionaries(texts, st.lists(texts, max_size=9), max_size=3),
        "rules": st.lists(st.dictionaries(texts, plain, min_size=1, max_size=3), max_size=3),
        "expect": st.lists(tables, max_size=2),
    }
)


@given(documents)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(document: dict[str, Any]) -> None:
    empty: dict[str, Any] = {"profiles": {}, "calendars": {}, "lists": {}, "rules": [], "expect": []}
    assert empty | tomllib.loads(write_toml(document, 7)) == document


def test_the_starter_is_written_as_a_person_would() -> None:
    document = write_document(read_document(starter().document))
    written = write_toml(document, 0)
    assert written.startswith("# revision 0\ndefault = { reject = 603 }\n")
    assert '\n[[rules]]\nid = "office-open"\nwhen = { called = "+15551230000", during = "office" }\n' in written
    assert 'instructions = """\nYou answer' in written
    assert write_document(read_document(tomllib.loads(written))) == document


def test_a_long_list_has_one_entry_a_line() -> None:
    entries = [f"+1555000{number:04}" for number in range(20)]
    document = {"default": {}, "profiles": {}, "calendars": {}, "lists": {"blocked": entries}, "rules": []}
    lines = write_toml(document, 1).splitlines()
    assert '  "+15550000019",' in lines
    assert max(map(len, lines)) <= WIDTH


def test_every_null_is_found() -> None:
    document = {"profiles": {"a/b": {"audio": {"input": {"turn_detection": None}}}}, "rules": [{"x": [1, None]}]}
    assert list(nulls(document)) == ["/profiles/a~1b/audio/input/turn_detection", "/rules/0/x/1"]
