"""Gateway tools: what the model is told of them, and what is wrong with a profile that names them."""

from typing import Any

import pytest

from gateway.profiles.gateway_tools import functions_of
from gateway.profiles.problems import find_profile_problems
from gateway.profiles.profile import conduct_of, session_of
from routing_rules import read_document

BACKEND = {"model": "gpt-5.1", "tools": [{"type": "function", "name": "look_up"}]}
TARGETS = {"operator": "tel:+494066969301", "night": ["tel:+493023125901", "sip:x@example.com"]}


def test_the_model_is_told_the_names_and_never_the_numbers() -> None:
    profile = {"model": "gpt-realtime-2.1", "gateway_tools": ["transfer_call", "hang_up"], "transfers": TARGETS}
    session = session_of(profile)
    assert [tool["name"] for tool in session["tools"]] == ["transfer_call", "hang_up"]
    assert session["tools"][0]["parameters"]["properties"]["target"]["enum"] == ["operator", "night"]
    assert "+49" not in str(session)


def test_the_profiles_own_functions_come_first() -> None:
    own = {"type": "function", "name": "look_up"}
    session = session_of({"tools": [own], "gateway_tools": ["send_note"]})
    assert [tool["name"] for tool in session["tools"]] == ["look_up", "send_note"]
    assert session_of({"tools": [own]})["tools"] == [own]
    assert functions_of(["dance"], {}) == []


def test_on_the_live_surface_whom_its_model_delegates_to_has_them() -> None:
    profile = {"gateway_tools": ["send_note"], "live": {"delegation": {"type": "responses", "responses": BACKEND}}}
    backend = session_of(profile)["live"]["delegation"]["responses"]
    assert (backend["model"], [tool["name"] for tool in backend["tools"]]) == ("gpt-5.1", ["look_up", "send_note"])
    odd = {"gateway_tools": ["send_note"], "live": {"delegation": {"type": "responses", "responses": 3}}}
    assert [tool["name"] for tool in session_of(odd)["live"]["delegation"]["responses"]["tools"]] == ["send_note"]
    assert session_of({**profile, "gateway_tools": []})["live"]["delegation"]["responses"] == BACKEND
    for delegation in ("off", {"type": "client"}):
        session = session_of({**profile, "live": {"delegation": delegation}})
        assert session["live"] == {"delegation": None if delegation == "off" else delegation}


@pytest.mark.parametrize(
    ("live", "warned"),
    [
        ({}, True),
        ({"delegation": {"type": "client"}}, True),
        ({"delegation": {"type": "responses", "responses": {"model": "gpt-5.1"}}}, False),
        (None, False),
    ],
)
def test_a_profile_for_live_that_hands_tools_to_nobody_is_warned_of(live: dict[str, Any] | None, warned: bool) -> None:
    profile = {"model": "gpt-realtime-2.1", "gateway_tools": ["hang_up"]} | ({} if live is None else {"live": live})
    document = {"profiles": {"sales": profile}, "rules": [], "default": {"accept": "sales"}}
    found = {problem.code for problem in find_profile_problems(read_document(document))}
    assert ("tools_not_on_live" in found) is warned


def test_the_conduct_holds_what_is_carried_out() -> None:
    conduct = conduct_of(
        {
            "gateway_tools": ["hang_up"],
            "transfers": TARGETS,
            "keys": {"0": {"transfer": "operator"}},
            "transcript": True,
        }
    )
    assert conduct is not None
    assert conduct.transfers == {
        "operator": ("tel:+494066969301",),
        "night": ("tel:+493023125901", "sip:x@example.com"),
    }
    assert conduct.keys["0"].transfer == "operator"
    assert (conduct.tools, conduct.transcript) == (("hang_up",), True)


MISTAKES: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "a transfer to nowhere": ({"gateway_tools": ["transfer_call"]}, ("missing_transfers", "/gateway_tools")),
    "a tool that nobody has": ({"gateway_tools": ["dance"]}, ("wrong_value", "/gateway_tools/0")),
    "a function of the same name": (
        {"gateway_tools": ["hang_up"], "tools": [{"type": "function", "name": "hang_up"}]},
        ("duplicate", "/tools/0/name"),
    ),
    "a key to nowhere": (
        {"transfers": TARGETS, "keys": {"0": {"transfer": "operater"}}},
        ("missing_transfer", "/keys/0/transfer"),
    ),
    "a key that does both": (
        {"transfers": TARGETS, "keys": {"0": {"transfer": "operator", "hang_up": True}}},
        ("ambiguous_key", "/keys/0"),
    ),
    "a key that does nothing": ({"keys": {"0": {}}}, ("ambiguous_key", "/keys/0")),
    "a target that is closed": (
        {"transfers": {"operator": "tel:+18095550100"}},
        ("refused_target", "/transfers/operator"),
    ),
    "half a transcript": ({"transcript": True}, ("half_a_transcript", "/transcript")),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_found(name: str) -> None:
    profile, (code, pointer) = MISTAKES[name]
    document = {
        "profiles": {"sales": {"model": "gpt-realtime-2.1", **profile}},
        "rules": [],
        "default": {"accept": "sales"},
    }
    found = find_profile_problems(
        read_document(document), refer_guard=lambda target: "closed" if "+1809" in target else None
    )
    problems = {(problem.code, problem.pointer.removeprefix("/profiles/sales")) for problem in found}
    if code == "wrong_value":
        assert pointer in {where for _, where in problems}
    else:
        assert (code, pointer) in problems
