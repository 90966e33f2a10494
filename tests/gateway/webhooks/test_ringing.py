"""A call between its decision and its commit: what is stored of it, and the job that begins."""

import pytest

from gateway.actions.action import Lease
from gateway.actions.plan import Plan, Step, digest
from gateway.calls.facts import read_facts
from gateway.calls.lifecycle import Event, State
from gateway.calls.store import unpack_facts
from gateway.upstream.wire import Command, IncomingCall
from gateway.webhooks.inbox import NewDelivery, Receipt
from gateway.webhooks.inbox import Verdict as DeliveryVerdict
from gateway.webhooks.ringing import Planned, Ringing
from routing_rules import Accept, Decision, Ignore, Reason, Refer, Reject, Verdict

NOW = 1_790_000_000_000_000
LEASE = Lease(node="a", granted=NOW + 7, until=NOW + 7 + 15_000_000)  # the database's clock is another
HEADERS = (("From", '"Ann" <sip:+14155550100@example.com>'), ("To", "<sip:+493023125100@example.com>"))

STEPS: dict[str, tuple[Decision, Step]] = {
    "accept": (Accept(profile="sales"), Step(kind="accept", body=b"{}", profile="sales")),
    "reject": (Reject(status=486), Step(kind="reject", body=b"{}", status=486)),
    "refer": (Refer(to=("tel:+1", "tel:+2")), Step(kind="refer", body=b"{}", targets=("tel:+1", "tel:+2"))),
    "ignore": (Ignore(), Step(kind="ignore")),
}


def ringing(kind: str = "accept", *, seconds_left: float = 20.0) -> Ringing:
    decision, step = STEPS[kind]
    plan = Plan((step,))
    document = plan.encode()
    delivery: NewDelivery = {
        "endpoint": "openai",
        "webhook_id": "wh_1",
        "received_at": NOW,
        "verdict": "new",
        "type": "realtime.call.incoming",
        "call_id": "rtc_1",
        "digest": b"",
        "problem": None,
        "body": None,
    }
    return Ringing(
        delivery=delivery,
        event=IncomingCall(
            type="realtime.call.incoming",
            surface="realtime",
            call_id="rtc_1",
            created_at=1_790_000_000,
            headers=HEADERS,
            media="srtp",
        ),
        read=read_facts(
            call_id="rtc_1",
            headers=HEADERS,
            media="srtp",
            endpoint="openai",
            called_headers=("To",),
            caller_headers=("From",),
            default_region=None,
            attestation_header=None,
        ),
        revision=7,
        verdict=Verdict(decision=decision, rule="it", reason=Reason.RULE_MATCHED),
        planned=Planned(plan=plan, document=document, digest=digest(document), shared=True),
        seconds_left=seconds_left,
        overrides=0,
    )


BIRTHS = [
    ("accept", 20.0, True, State.ACCEPTING, [Event.ARRIVED, Event.ACCEPT_STARTED]),
    ("refer", 20.0, True, State.ACCEPTING, [Event.ARRIVED, Event.ACCEPT_STARTED]),
    ("reject", 20.0, True, State.REJECTING, [Event.ARRIVED, Event.REJECT_STARTED]),
    ("accept", 20.0, False, State.DECIDED, [Event.ARRIVED]),
    ("ignore", 20.0, False, State.IGNORED, [Event.LEFT_ALONE]),
    ("accept", -0.1, False, State.EXPIRED, [Event.ARRIVED_LATE]),
    ("ignore", -0.1, False, State.EXPIRED, [Event.ARRIVED_LATE]),
]


@pytest.mark.parametrize(("kind", "seconds_left", "leased", "state", "events"), BIRTHS)
def test_a_call_is_born_in_the_state_that_its_decision_age_and_lease_make(
    kind: str, seconds_left: float, leased: bool, state: State, events: list[Event]
) -> None:
    rows = ringing(kind, seconds_left=seconds_left).rows(LEASE if leased else None, with_plan=True)
    assert rows.row["state"] == state
    assert [line["kind"] for line in rows.happened] == events
    assert rows.happened[-1]["state"] == state
    over = state in (State.IGNORED, State.EXPIRED)
    assert (rows.row["ended_at"] is not None) is over
    assert (rows.action is None) is over


def test_the_row_says_who_calls_whom_and_what_was_decided() -> None:
    row = ringing("refer").rows(LEASE, with_plan=False).row
    assert (row["called"], row["caller"], row["caller_name"], row["country"]) == (
        "+493023125100",
        "+14155550100",
        "Ann",
        "US",
    )
    assert (row["kind"], row["rule"], row["revision"], row["target"]) == ("refer", "it", 7, "tel:+1")
    assert row["received_at"] == row["decided_at"] == NOW


def test_the_facts_are_kept_as_they_were_read() -> None:
    facts = unpack_facts(ringing().rows(LEASE, with_plan=False).facts)
    assert [tuple(header) for header in facts["headers"]] == list(HEADERS)
    assert facts["caller_uri"] == "+14155550100@example.com"


def test_a_plan_that_the_database_has_is_not_stored_again() -> None:
    call = ringing()
    assert call.rows(LEASE, with_plan=True).plan == call.planned.document
    assert call.rows(LEASE, with_plan=False).plan is None


def test_an_action_that_nobody_has_taken_has_no_owner_and_no_attempt() -> None:
    leased, waiting = (ringing().rows(lease, with_plan=False).action for lease in (LEASE, None))
    assert leased is not None
    assert waiting is not None
    assert (leased["node"], leased["epoch"], leased["attempts"], leased["lease_until"]) == ("a", 1, 1, LEASE.until)
    assert (waiting["node"], waiting["epoch"], waiting["attempts"], waiting["lease_until"]) == (None, 0, 0, 0)
    assert (leased["useless_after"], waiting["useless_after"]) == (NOW + 7 + 20_000_000, NOW + 20_000_000)


def test_the_job_is_the_action_as_it_was_stored() -> None:
    call = ringing("reject")
    job = call.job(Receipt(verdict=DeliveryVerdict.NEW, call=5, action=9), received=100.0, deadline=108.0)
    assert (job.action, job.call, job.call_id, job.rule) == (9, 5, "rtc_1", "it")
    assert (job.command, job.state, job.attempts) == (Command.REJECT, State.REJECTING, 1)
    assert (job.received, job.deadline, job.useless_at) == (100.0, 108.0, 120.0)
