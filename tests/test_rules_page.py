"""docs/rules.md: every rulebook on the page can be published, and its own expectations hold."""

import re
import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.access.audit import GATEWAY
from gateway.calls.expected import read_expected
from gateway.reading import to_micros
from gateway.rulebook.current import compile_rulebook
from gateway.rulebook.expectations import broken_expectations
from gateway.rulebook.holidays import code_mistake
from gateway.rulebook.override_contract import NewOverride
from gateway.rulebook.overriding import draft_override
from gateway.rulebook.refer_guard import ReferGuard
from gateway.settings import Endpoint, Settings
from routing_rules import CallFacts, Expectation, Override, decide, find_problems, read_document

PAGE = (Path(__file__).parents[1] / "docs" / "rules.md").read_text("utf-8")
SITUATIONS: dict[str, str] = dict(re.findall(r"^### (.+?)\n[^#]*?^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
SETTINGS = Settings(endpoints={"openai": Endpoint(name="openai")})
TODAY = date(2026, 12, 1)


def asked(case: Expectation) -> tuple[CallFacts, datetime]:
    """The call of an expectation, and its moment."""
    assert case.call.at is not None
    return read_expected(case.call, SETTINGS).facts, case.call.at


def test_the_page_shows_ten_situations_and_no_other_rulebooks() -> None:
    assert len(SITUATIONS) == 10
    assert PAGE.count("```toml") == 10


@pytest.mark.parametrize("text", SITUATIONS.values(), ids=SITUATIONS.keys())
def test_a_situation_works_as_it_stands(text: str) -> None:
    rulebook = read_document(tomllib.loads(text))
    assert find_problems(rulebook, refer_guard=ReferGuard(None), holiday_guard=code_mistake, today=TODAY) == ()
    assert rulebook.expect
    assert broken_expectations(compile_rulebook(rulebook, 1), SETTINGS, now=0) == ()


@pytest.mark.parametrize("text", SITUATIONS.values(), ids=SITUATIONS.keys())
def test_every_rule_of_a_situation_is_expected_or_only_for_a_crowd(text: str) -> None:
    rulebook = read_document(tomllib.loads(text))
    compiled = compile_rulebook(rulebook, 1)
    tried = {decide(compiled.table, *asked(case)).rule for case in rulebook.expect}
    assert {rule.id for rule in rulebook.rules} - tried <= {"overflow", "too-many-at-once", "globex"}


def test_the_emergency_override_stands_above_its_rulebook_until_it_is_over() -> None:
    (text,) = re.findall(r"^```json\n(\{\"id\": \"evacuation\".*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    override = NewOverride.model_validate_json(text)
    rulebook = read_document(tomllib.loads(SITUATIONS["Emergency override"]))
    now = datetime.fromisoformat("2026-12-01T13:30:00-05:00")
    addition, problems = draft_override(
        rulebook,
        ReferGuard(None),
        override_id=override.id,
        document=override.document,
        until=to_micros(override.until) or 0,
        reason=override.reason,
        by=GATEWAY,
        now=to_micros(now) or 0,
    )
    assert problems == ()
    above = Override(rule=addition.rule, start=now, until=override.until)
    table = compile_rulebook(rulebook, 1).table.under([above])
    facts, over = asked(rulebook.expect[0])
    assert decide(table, facts, over - timedelta(seconds=1)).rule == "override:evacuation"
    assert decide(table, facts, over).rule == "reception"


def test_a_call_goes_over_when_the_lines_are_full() -> None:
    class Full:
        def active(self, rule: str) -> int:
            return 20

        def recent(self, *_: Any) -> int:
            return 0

    rulebook = read_document(tomllib.loads(SITUATIONS["Overflow when full"]))
    (case,) = rulebook.expect
    assert decide(compile_rulebook(rulebook, 1).table, *asked(case), Full()).rule == "overflow"
