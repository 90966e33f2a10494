"""docs/profiles.md: every example can be published as it stands, and what it sends is what the official SDK would."""

import json
import re
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import pytest
from openai.types.realtime import call_accept_params, client_secret_create_params
from pydantic import TypeAdapter

from gateway.actions.plan import make_plan
from gateway.calls.expected import read_expected
from gateway.profiles.profile import browser_session_of, find_profile
from gateway.profiles.session import json_schema
from gateway.profiles.variables import Call, Rendering
from gateway.profiles.vocabulary import SHUTDOWNS
from gateway.rulebook.current import Compiled, compile_rulebook
from gateway.rulebook.examination import examine
from gateway.rulebook.expectations import broken_expectations
from gateway.rulebook.refer_guard import ReferGuard
from gateway.settings import Endpoint, Settings
from routing_rules import decide

PAGE = (Path(__file__).parents[1] / "docs" / "profiles.md").read_text("utf-8")
EXAMPLES: dict[str, str] = dict(re.findall(r"^### (.+?)\n[^#]*?^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
SETTINGS = Settings(endpoints={"openai": Endpoint(name="openai")})
TODAY = date(2026, 12, 1)

example = pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES.keys())


def published(text: str) -> Compiled:
    """An example in force, without a warning."""
    examined = examine(tomllib.loads(text), ReferGuard(None), TODAY)
    assert examined.warnings == ()
    return compile_rulebook(examined.rulebook, 1)


def test_the_page_shows_four_examples() -> None:
    assert len(EXAMPLES) == 4
    assert PAGE.count("```toml") == 4


@example
def test_an_example_can_be_published_and_its_expectations_hold(text: str) -> None:
    compiled = published(text)
    assert compiled.rulebook.expect
    assert broken_expectations(compiled, SETTINGS, now=0) == ()


@example
def test_the_accept_of_an_example_is_what_the_sdk_would_send(text: str) -> None:
    compiled = published(text)
    accept = TypeAdapter(call_accept_params.CallAcceptParams)
    for case in compiled.rulebook.expect:
        facts, now = read_expected(case.call, SETTINGS).facts, case.call.at or datetime.now(UTC)
        call = Rendering(Call(facts, now, compiled.table.resources.lists.holding))
        plan = make_plan(decide(compiled.table, facts, now).decision, compiled.rulebook, call)
        for step in plan.steps:
            if step.kind == "accept":
                body = json.loads(step.body)
                accept.validate_python(body)
                assert "{" not in body["instructions"]


@example
def test_the_ephemeral_key_of_an_example_is_what_the_sdk_would_ask_for(text: str) -> None:
    compiled = published(text)
    params = TypeAdapter(client_secret_create_params.ClientSecretCreateParams)
    for name in compiled.rulebook.profiles:
        session = browser_session_of(find_profile(compiled.rulebook.profiles, name))
        params.validate_python({"session": session, "expires_after": {"anchor": "created_at", "seconds": 600}})


@example
def test_the_profiles_of_an_example_follow_the_schema(text: str) -> None:
    for profile in tomllib.loads(text)["profiles"].values():
        jsonschema.validate(profile, json_schema())


def test_a_sales_call_is_answered_with_its_own_words() -> None:
    compiled = published(EXAMPLES["A sales line"])
    (case,) = compiled.rulebook.expect
    facts = read_expected(case.call, SETTINGS).facts
    assert case.call.at is not None
    call = Rendering(Call(facts, case.call.at, compiled.table.resources.lists.holding))
    step = make_plan(decide(compiled.table, facts, case.call.at).decision, compiled.rulebook, call).steps[0]
    words = json.loads(step.body)["instructions"]
    assert "number +493023125100. It is Tuesday, 1 December 2026, 10:00 Europe/Berlin." in words
    assert "A good customer: yes." in words
    assert step.conduct is not None
    assert step.conduct.metadata == {"company": "Example Ltd.", "line": "sales"}


def test_the_page_names_every_announced_end() -> None:
    listed = PAGE.split("## What will be shut down")[1].split("##")[0]
    for shutdown in SHUTDOWNS:
        undated = re.sub(r"-\d{4}-\d\d-\d\d$", "", shutdown.name) if "preview" in shutdown.name else shutdown.name
        row = next(line for line in listed.splitlines() if f"`{undated}`" in line)
        assert str(shutdown.on) in row
