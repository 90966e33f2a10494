from gateway.actions.plan import Plan, Step
from gateway.actions.work import CallAction
from gateway.calls.history import RecordedEvent
from gateway.console.sent import Reply, sent_of
from gateway.endpoint import Endpoint

PLAN = Plan((Step(kind="refer", body=b'{"type":"realtime"}', targets=("tel:+14155550100", "tel:+14155550101")),))


def an_action(command: str, opened_at: int, settled_at: int | None, *, target: int = 0) -> CallAction:
    return CallAction(
        command=command,
        step=0,
        target=target,
        orders=None,
        opened_at=opened_at,
        settled_at=settled_at,
        attempts=1,
        in_doubt=True,
        outcome=None,
    )


def a_line(at: int, detail: str | None) -> RecordedEvent:
    return RecordedEvent(id=at, at=at, kind="succeeded", state="accepted", detail=detail)


def test_replies_are_told_with_the_request_that_they_answer() -> None:
    first, second = "tel:+14155550100", "tel:+14155550101"
    events = [
        a_line(1, None),
        a_line(2, '{"by": "admin", "target": "tel:+14155550100"}'),
        a_line(3, '{"command": "accept", "attempt": 1, "result": "server_error", "status": 503, "ms": 2.5}'),
        a_line(4, '{"command": "accept", "attempt": 2, "result": "done", "status": 200, "ms": 3.0}'),
        a_line(5, f'{{"command": "refer", "attempt": 1, "result": "ambiguous", "ms": 9.0, "target": "{first}"}}'),
        a_line(6, f'{{"command": "refer", "attempt": 1, "result": "done", "ms": 9.0, "target": "{second}"}}'),
    ]
    actions = [
        an_action("accept", 1, 4),
        an_action("refer", 4, 5),
        an_action("refer", 5, 6, target=1),
        an_action("hangup", 6, None),
    ]
    accept, refer, other, hangup = sent_of(actions, "rtc_1", PLAN, events, Endpoint(name="openai"))
    assert accept.address == "https://api.openai.com/v1/realtime/calls/rtc_1/accept"
    assert accept.body == {"type": "realtime"}
    assert [(reply.attempt, reply.status) for reply in accept.replies] == [(1, 503), (2, 200)]
    assert refer.body == {"target_uri": first}
    assert refer.replies == (Reply(at=5, attempt=1, result="ambiguous", status=None, milliseconds=9.0, detail=None),)
    assert [reply.result for reply in other.replies] == ["done"]
    assert (hangup.body, hangup.replies, hangup.in_doubt) == (None, (), True)
    assert [accept.in_doubt, refer.in_doubt] == [False, False]  # settled: the call's state tells


def test_the_path_is_told_of_an_endpoint_that_is_not_configured_any_more() -> None:
    (sent,) = sent_of([an_action("accept", 1, 2)], "rtc_1", PLAN, [], None)
    assert sent.address == "/realtime/calls/rtc_1/accept"
