from datetime import UTC, datetime

import pytest

from gateway.calls.usage import LiveUsage
from gateway.rulebook.current import Current, compile_revision
from gateway.rulebook.refer_guard import ReferGuard
from gateway.rulebook.store import Revision
from gateway.rulebook.trial import Trial
from gateway.settings import Endpoint, Settings
from routing_rules import DocumentError, ExpectedCall
from tests.conftest import SettableClock

# The clock of the tests begins on a Monday at 16:13 in Berlin.
DOCUMENT = {
    "calendars": {"office": {"zone": "Europe/Berlin", "open": ["Mon 16:00-17:00"]}},
    "rules": [
        {"id": "one", "when": {"called": "+15551230000", "active_below": 1}, "then": {"reject": 486}},
        {"id": "office", "when": {"during": "office"}, "then": {"reject": 480}},
    ],
}
CALL = ExpectedCall(called="+15551230000", caller="+14155550100")


@pytest.fixture
def usage(clock: SettableClock) -> LiveUsage:
    return LiveUsage(clock)


@pytest.fixture
def current() -> Current:
    current = Current()
    current.swap(compile_revision(Revision(number=7, document=DOCUMENT)))
    return current


@pytest.fixture
def trial(clock: SettableClock, usage: LiveUsage, current: Current) -> Trial:
    return Trial(
        settings=Settings(endpoints={"openai": Endpoint(name="openai")}),
        current=current,
        refer_guard=ReferGuard(None),
        usage=usage,
        clock=clock,
    )


async def test_a_call_is_tried_on_the_revision_in_force_with_what_is_in_use_now(trial: Trial, usage: LiveUsage) -> None:
    tried = await trial.decide(CALL)
    assert (tried.explanation.verdict.rule, tried.revision) == ("one", 7)
    usage.decided("rtc_1", "one", caller="", called="")
    assert (await trial.decide(CALL)).explanation.verdict.rule == "office"


async def test_rates_are_asked_of_the_same_counters(trial: Trial, usage: LiveUsage, current: Current) -> None:
    rate = {"per": "caller", "calls": 1, "seconds": 60}
    document = {"rules": [{"id": "rare", "when": {"rate_below": rate}, "then": {"reject": 486}}]}
    current.swap(compile_revision(Revision(number=8, document=document)))
    assert (await trial.decide(CALL)).explanation.verdict.rule == "rare"
    usage.decided("rtc_1", "rare", caller="+14155550100", called="")
    assert (await trial.decide(CALL)).explanation.verdict.rule is None


async def test_a_trial_counts_nothing(trial: Trial, usage: LiveUsage) -> None:
    await trial.decide(CALL)
    assert usage.active("one") == 0


async def test_a_call_comes_now_or_at_its_own_time(trial: Trial) -> None:
    other = ExpectedCall(called="+15559990000")
    assert (await trial.decide(other)).explanation.verdict.rule == "office"
    at_night = ExpectedCall(called="+15559990000", at=datetime(2026, 9, 21, 23, tzinfo=UTC))
    assert (await trial.decide(at_night)).explanation.verdict.rule is None


async def test_a_draft_is_asked_in_place_of_the_revision_and_has_nothing_in_use(trial: Trial, usage: LiveUsage) -> None:
    usage.decided("rtc_1", "one", caller="", called="")
    draft = {"rules": [{"id": "one", "when": {"active_below": 1}, "then": {"reject": 486}}]}
    tried = await trial.decide(CALL, draft)
    assert (tried.explanation.verdict.rule, tried.revision) == ("one", None)


async def test_a_draft_with_a_mistake_is_refused(trial: Trial) -> None:
    with pytest.raises(DocumentError):
        await trial.decide(CALL, {"rules": [{"id": "a", "then": {"accept": "nobody"}}]})


def test_only_configured_endpoints_are_known(trial: Trial) -> None:
    assert trial.knows("openai")
    assert not trial.knows("azure")
