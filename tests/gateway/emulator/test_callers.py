"""The demo's callers and their rulebook."""

import itertools
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import phonenumbers
import pytest

from gateway.calls.facts import read_facts
from gateway.emulator.bodies import find_mistake
from gateway.emulator.callers import DEMO_RULEBOOK, Caller, Expected, callers
from gateway.emulator.faults import Command
from gateway.emulator.invite import Trunk
from gateway.emulator.record import Record
from gateway.profiles.profile import session_of
from gateway.rulebook.holidays import holidays_of
from gateway.rulebook.refer_guard import ReferGuard
from gateway.upstream.wire import accept_body
from routing_rules import CallFacts, Rulebook, compile_table, decide, find_problems, read_document

ROUND = 19  # callers in one deck


@pytest.fixture(scope="module")
def crowd() -> Sequence[Caller]:
    return tuple(itertools.islice(callers(Random(7)), ROUND * 30))


def test_every_round_of_the_deck_shows_everything(crowd: Sequence[Caller]) -> None:
    required = {
        "plain",
        "accept-503-twice",
        "accept-refused",
        "accept-reply-lost",
        "duplicate",
        "late",
        "forged",
        "gone",
    }
    for start in range(0, len(crowd), ROUND):
        part = crowd[start : start + ROUND]
        assert required <= {caller.scenario.name for caller in part}
        assert {"accept", "reject", "refer", "ignore"} <= {caller.expected.decision for caller in part}
        assert {"ended", "rejected", "referred", "ignored", "expired", "gone"} <= {
            state for caller in part for state in caller.expected.states
        }


def test_no_two_callers_share_an_id(crowd: Sequence[Caller]) -> None:
    assert len({caller.call_id for caller in crowd}) == len(crowd)


def test_the_same_seed_gives_the_same_callers(crowd: Sequence[Caller]) -> None:
    again = tuple(itertools.islice(callers(Random(7)), len(crowd)))
    assert again == crowd
    assert next(callers(Random(8))) != crowd[0]


def test_every_trunk_and_anonymous_callers_take_part(crowd: Sequence[Caller]) -> None:
    assert {caller.invite.trunk for caller in crowd} == set(Trunk)
    assert {caller.invite.media for caller in crowd} == {"rtp", "srtp", None}
    assert any(caller.invite.caller == "" for caller in crowd)


def test_every_number_is_a_possible_one_in_full(crowd: Sequence[Caller]) -> None:
    numbers = {caller.invite.called for caller in crowd} | {caller.invite.caller for caller in crowd} - {""}
    for number in numbers:
        parsed = phonenumbers.parse(number)
        assert phonenumbers.is_valid_number(parsed), number
        assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number


def test_every_caller_can_be_told_in_a_sentence(crowd: Sequence[Caller]) -> None:
    sentences = {caller.sentence for caller in crowd}
    assert "Twilio caller to the sales line; the upstream answers 503 twice" in sentences
    assert "Anonymous Telnyx caller to the sales line" in sentences
    assert all("{" not in sentence and sentence[0].isupper() for sentence in sentences)


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_document(tomllib.loads(DEMO_RULEBOOK.read_text()))


def test_the_demos_rulebook_has_no_problems(rulebook: Rulebook) -> None:
    assert find_problems(rulebook, refer_guard=ReferGuard(None)) == ()


def test_the_upstream_takes_every_profile_of_the_demo(rulebook: Rulebook) -> None:
    for session in rulebook.profiles.values():
        assert find_mistake(Command.ACCEPT, accept_body(session_of(session))) is None


@pytest.mark.parametrize("hour", range(0, 168, 17))
def test_the_rulebook_decides_every_caller_as_expected_at_any_hour(
    crowd: Sequence[Caller], rulebook: Rulebook, hour: int
) -> None:
    table = compile_table(rulebook, holidays=holidays_of)
    now = datetime(2026, 11, 30, tzinfo=UTC) + timedelta(hours=hour)
    for caller in crowd[: 2 * ROUND]:
        verdict = decide(table, facts(caller), now)
        assert caller.expected.decision in (None, verdict.decision.kind), caller.sentence


def test_every_rule_of_the_demo_is_used_within_a_week(crowd: Sequence[Caller], rulebook: Rulebook) -> None:
    table = compile_table(rulebook, holidays=holidays_of)
    times = [datetime(2026, 11, 30, hour, tzinfo=UTC) for hour in (3, 12)]
    used = {decide(table, facts(caller), now).rule for caller in crowd[:ROUND] for now in times}
    assert used == {rule.id for rule in rulebook.rules} | {None}


def facts(caller: Caller) -> CallFacts:
    """The caller's facts as the gateway reads them by its defaults."""
    return read_facts(
        call_id=caller.call_id,
        headers=caller.invite.headers(caller.call_id),
        media=caller.invite.media,
        endpoint="openai",
        called_headers=("To", "Diversion", "History-Info", "P-Called-Party-ID"),
        caller_headers=("From",),
        default_region=None,
        attestation_header=None,
    ).facts


# An accept that was answered and took effect.
DONE = [("accept", 200, True)]
ACCEPTED = Expected(decision="accept", states=frozenset({"accepted"}), applied=("accept",))
LEFT_ALONE = Expected(decision="ignore", states=frozenset({"ignored"}), applied=(), untouched=True)
NO_CALL = Expected(decision=None, states=frozenset(), applied=(), untouched=True)

JUDGEMENTS = {
    "as expected": (ACCEPTED, "accepted", "accept", DONE, None),
    "another state": (ACCEPTED, "failed", "accept", DONE, "it is failed, not accepted"),
    "unknown": (ACCEPTED, None, None, DONE, "it is unknown to the gateway, not accepted"),
    "another decision": (ACCEPTED, "accepted", "refer", DONE, "it was decided refer, not accept"),
    "nothing done": (ACCEPTED, "accepted", "accept", [], "nothing took effect upstream, not accept"),
    "too much done": (
        ACCEPTED,
        "accepted",
        "accept",
        [*DONE, ("refer", 200, True)],
        "accept, refer took effect upstream, not accept",
    ),
    "left alone": (LEFT_ALONE, "ignored", "ignore", [], None),
    "not left alone": (
        LEFT_ALONE,
        "ignored",
        "ignore",
        [("reject", 404, False)],
        "the upstream should have been left alone",
    ),
    "no call": (NO_CALL, None, None, [], None),
    "a forgery believed": (NO_CALL, "accepted", "accept", DONE, "the gateway took it for a call, now accepted"),
}


@pytest.mark.parametrize(("expected", "state", "decision", "requests", "failure"), JUDGEMENTS.values(), ids=JUDGEMENTS)
def test_an_outcome_is_judged(
    expected: Expected,
    state: str | None,
    decision: str | None,
    requests: list[tuple[str, int, bool]],
    failure: str | None,
) -> None:
    record = Record()
    for command, status, applied in requests:
        arrival = record.arrived("rtc_1", command, b"")
        arrival.applied = applied
        record.answered(arrival, status)
    assert expected.failure(state=state, decision=decision, arrivals=record.of("rtc_1")) == failure
