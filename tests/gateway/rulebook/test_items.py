import json
from typing import Any

import msgspec
from hypothesis import given, settings

from gateway.rulebook.items import chunks, rows_of, write_text
from routing_rules import Rulebook, write_document
from tests.gateway.rulebook.rulebooks import rulebooks

NUMBERS = [f"+1555{number:07}" for number in range(20_000)]


@settings(max_examples=50, deadline=None)
@given(rulebooks())
def test_a_document_is_the_same_after_its_way_through_rows(rulebook: Rulebook) -> None:
    document = write_document(rulebook)
    rows = sorted(rows_of(document, 1), key=lambda row: (row.kind, row.place, row.name))
    assert json.loads(write_text(rows)) == document


def test_what_only_a_newer_release_can_have_written_is_kept() -> None:
    document: dict[str, Any] = {"colours": ["red"], "rules": [{"id": "a", "then": {"teleport": True}}]}
    kept = json.loads(write_text(rows_of(document, 1)))
    assert {name: kept[name] for name in document} == document
    for strange in ({"rules": "none"}, {"rules": [{"no": "id"}]}):
        assert json.loads(write_text(rows_of(strange, 1)))["rules"] == strange["rules"]


def test_the_chunks_of_a_list_are_the_list() -> None:
    cut = list(chunks(NUMBERS))
    assert [entry for chunk in cut for entry in msgspec.json.decode(chunk)] == NUMBERS
    assert len(cut) > 20
    assert max(map(len, cut)) < 100_000
    assert list(chunks([])) == []


def test_an_entry_more_or_less_changes_one_chunk_or_two() -> None:
    before = set(chunks(NUMBERS))
    for edited in (NUMBERS[1:], [*NUMBERS[:10_000], "+49301234567", *NUMBERS[10_000:]], NUMBERS[:-1]):
        assert len(set(chunks(edited)) - before) <= 2
