"""`POST /replay`: what it takes and tells."""

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from gateway.api.routes import api_routes
from gateway.rulebook.replay_contract import KEPT
from gateway.rulebook.store import Revision
from tests.gateway.api_fixtures import ADMIN_KEY, NOW, Api, a_call, given_calls
from tests.gateway.rulebook.rulebooks import insert_revision

REPLAY = "/api/v1/replay"

SALES = {"id": "sales", "when": {"called": "+15551230000"}, "then": {"accept": "sales"}}
BUSY = {"id": "busy", "when": {"called": "+15551230001"}, "then": {"reject": 486}}
DRAFT: dict[str, Any] = {"profiles": {"sales": {"model": "gpt-realtime-2.1"}}, "rules": [SALES, BUSY]}


@pytest.fixture
def calls(api: Api) -> None:
    """Three calls that were accepted for sales, a second apart; the middle one to another number."""
    other = "+15551230001"
    given_calls(
        api.database,
        a_call("rtc_1", received_at=NOW),
        a_call("rtc_2", received_at=NOW + 1_000_000, called=other, caller=""),
        a_call("rtc_3", received_at=NOW + 2_000_000),
    )


async def replay(api: Api, **question: Any) -> Any:
    answer = await api.client.post(REPLAY, json=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.usefixtures("calls")
async def test_a_draft_is_told_what_it_would_change(api: Api) -> None:
    assert await replay(api, rulebook={**DRAFT, "revision": 0}) == {
        "revision": None,
        "checked": 3,
        "changed": 1,
        "complete": True,
        "items": [
            {
                "call_id": "rtc_2",
                "received_at": "2026-09-21T14:13:21.000Z",
                "called": "+15551230001",
                "caller": "",
                "was": {
                    "decision": {"kind": "accept", "accept": "sales"},
                    "rule": "sales-open",
                    "reason": "rule_matched",
                    "revision": 0,
                },
                "now": {
                    "decision": {"kind": "reject", "reject": 486},
                    "rule": "busy",
                    "reason": "rule_matched",
                    "assumes_idle": False,
                },
            }
        ],
    }


@pytest.mark.usefixtures("calls")
async def test_a_revision_is_asked_by_number_and_the_one_in_force_without(api: Api) -> None:
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=1, document=DRAFT))
    by_number = await replay(api, revision=1)
    assert (by_number["revision"], by_number["changed"]) == (1, 1)
    in_force = await replay(api)
    assert (in_force["revision"], in_force["changed"]) == (0, 3)


@pytest.mark.usefixtures("calls")
async def test_a_span_of_time_and_a_limit_choose_the_calls(api: Api) -> None:
    since = await replay(api, since="2026-09-21T14:13:21Z", until="2026-09-21T16:13:22+02:00")
    assert (since["checked"], since["complete"]) == (1, True)
    newest = await replay(api, limit=2)
    assert (newest["checked"], newest["complete"]) == (2, False)
    assert [item["call_id"] for item in newest["items"]] == ["rtc_3", "rtc_2"]


async def test_more_changes_are_counted_than_told(api: Api) -> None:
    given_calls(api.database, *(a_call(f"rtc_{n}") for n in range(KEPT + 5)))
    found = await replay(api)
    assert (found["changed"], len(found["items"])) == (KEPT + 5, KEPT)


@pytest.mark.parametrize(
    ("question", "pointer"),
    [
        ({"revision": 1}, "/revision"),
        ({"revision": -1}, "/revision"),
        ({"limit": 0}, "/limit"),
        ({"limit": 1_000_001}, "/limit"),
        ({"since": "yesterday"}, "/since"),
        ({"rulebook": {}, "revision": 0}, ""),
        ({"rulebook": {"rules": [{"id": "a", "then": {"accept": "nobody"}}]}}, "/rulebook/rules/0/then/accept"),
    ],
)
async def test_a_question_that_makes_no_sense_is_told_why(api: Api, question: Any, pointer: str) -> None:
    refused = await api.client.post(REPLAY, json=question)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_revision_that_this_release_cannot_read_is_refused(api: Api) -> None:
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=1, document={"rulez": []}))
    refused = await api.client.post(REPLAY, json={"revision": 1})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/revision/rulez")


@pytest.mark.usefixtures("calls")
async def test_a_client_that_hangs_up_ends_the_work(api: Api) -> None:
    heard: list[Message] = [
        {"type": "http.request", "body": json.dumps({"limit": 3}).encode(), "more_body": False},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return heard.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": REPLAY,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"authorization", f"Bearer {ADMIN_KEY}".encode())],
    }
    await Starlette(routes=api_routes(api.context))(scope, receive, send)
    assert (heard, sent) == ([], [])
