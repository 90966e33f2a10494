from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from gateway.access.roles import Role
from gateway.calls.store import insert_plans, own_plan_key
from gateway.rulebook.store import Revision
from tests.gateway.api_fixtures import NOW, Api, a_call, given_calls, given_events
from tests.gateway.calls.histories import given_words
from tests.gateway.rulebook.rulebooks import insert_revision

CALLS = "/api/v1/calls"

CALL = {
    "call_id": "rtc_1",
    "endpoint": "openai",
    "state": "accepting",
    "confirmed": False,
    "decision": {
        "kind": "accept",
        "profile": "sales",
        "status": None,
        "target": None,
        "rule": "sales-open",
        "revision": 0,
        "reason": "rule_matched",
    },
    "called": "+15551230000",
    "caller": "+14155550100",
    "caller_name": "Ann",
    "country": "US",
    "headers": [
        {"name": "To", "value": "<sip:+15551230000@example.com>"},
        {"name": "X-Tenant", "value": "acme"},
        {"name": "X-Tenant", "value": "beta"},
    ],
    "media": "rtp",
    "received_at": "2026-09-21T14:13:20.000Z",
    "decided_at": "2026-09-21T14:13:20.000Z",
    "answered_at": None,
    "ended_at": None,
    "attempts": 0,
    "error": None,
    "end_reason": None,
    "usage": None,
}


async def ids(api: Api, query: str) -> list[str]:
    answer = await api.client.get(f"{CALLS}?{query}")
    assert answer.status_code == 200, answer.text
    return [call["call_id"] for call in answer.json()["items"]]


async def test_a_call_is_told_in_the_contracts_words(api: Api) -> None:
    given_calls(api.database, a_call("rtc_1"))
    clear = {"reveal": "true"}
    assert (await api.client.get(CALLS, params=clear)).json() == {"items": [CALL], "next": None}
    one = (await api.client.get(f"{CALLS}/rtc_1", params=clear)).json()
    assert {name: one[name] for name in CALL} == CALL
    assert set(one) - set(CALL) == {"explanation", "metadata", "plan"}
    assert one["plan"] == [
        {"kind": "accept", "profile": "sales", "status": None, "targets": [], "conduct": None},
        {"kind": "reject", "profile": None, "status": 503, "targets": [], "conduct": None},
    ]


async def test_a_call_is_explained_by_the_revision_that_decided_it(api: Api) -> None:
    rules = [
        {"id": "later", "when": {"called": "+15559990000"}, "then": {"reject": 486}},
        {"id": "sales-open", "when": {"called": "+15551230000"}, "then": {"accept": "sales"}},
    ]
    document = {"profiles": {"sales": {"model": "m"}}, "rules": rules}
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=1, document=document))
        insert_revision(connection, Revision(number=2, document={"rules": []}))
        insert_revision(connection, Revision(number=3, document={"rules": "unreadable"}))
    for number in (1, 2, 3, 4):
        given_calls(api.database, a_call(f"rtc_{number}", revision=number))
    explained = (await api.client.get(f"{CALLS}/rtc_1")).json()["explanation"]
    assert [(tried["rule"], tried["matched"], tried["failed"]) for tried in explained["tried"]] == [
        ("later", False, "called"),
        ("sales-open", True, None),
    ]
    assert (explained["untried"], explained["agrees"]) == (0, True)
    other = (await api.client.get(f"{CALLS}/rtc_2")).json()["explanation"]
    assert other == {"tried": [], "untried": 0, "agrees": False}
    for unreadable in ("rtc_3", "rtc_4"):
        assert (await api.client.get(f"{CALLS}/{unreadable}")).json()["explanation"] is None


async def test_each_filter_filters(api: Api) -> None:
    hour = 3_600_000_000
    given_calls(
        api.database,
        a_call("rtc_1", state="failed", received_at=NOW),
        a_call("rtc_2", kind="reject", received_at=NOW + hour),
        a_call("rtc_3", rule=None, received_at=NOW + 2 * hour),
        a_call("rtc_4", profile="support", endpoint="berlin", received_at=NOW + 3 * hour),
        a_call("rtc_5", called="+4930901820", caller="", caller_name=None, received_at=NOW + 4 * hour),
    )
    assert await ids(api, "state=failed") == ["rtc_1"]
    assert await ids(api, "decision=reject") == ["rtc_2"]
    assert await ids(api, "rule=sales-open") == ["rtc_5", "rtc_4", "rtc_2", "rtc_1"]
    assert await ids(api, "profile=support&endpoint=berlin") == ["rtc_4"]
    assert await ids(api, "called=%2B4930901820") == ["rtc_5"]
    assert await ids(api, "called=+4930*") == ["rtc_5"]  # a plus that nobody escaped
    assert await ids(api, "caller=%2B1415*&limit=1") == ["rtc_4"]
    assert await ids(api, "caller=") == ["rtc_5"]
    assert await ids(api, "since=2026-09-21T17:13:20Z") == ["rtc_5", "rtc_4"]
    assert await ids(api, "since=2026-09-21T17:13:20%2B02:00&until=2026-09-21T16:13:20Z") == ["rtc_2"]
    assert await ids(api, "q=ann&state=failed") == ["rtc_1"]
    assert await ids(api, "q=rtc_5") == ["rtc_5"]
    assert await ids(api, "called=*9018*") == ["rtc_5"]
    assert await ids(api, "caller=*0100&limit=1") == ["rtc_4"]
    assert await ids(api, "rule=") == ["rtc_3"]
    assert await ids(api, "country=DE") == []
    assert len(await ids(api, "header=x-tenant:%20beta&country=us")) == 5
    assert await ids(api, "header=X-Tenant:gamma") == []
    assert len(await ids(api, "header=X-Tenant")) == 5


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("state=ringing", "/state"),
        ("decision=hangup", "/decision"),
        ("since=yesterday", "/since"),
        ("until=2026-09-21", "/until"),
        ("q=", "/q"),
        ("q=" + "x" * 101, "/q"),
        ("q=%00", "/q"),
        ("called=%00", "/called"),
        ("rule=%00", "/rule"),
        ("limit=501", "/limit"),
        ("offset=10", "/offset"),
        ("state=failed&state=gone", "/state"),
        ("cursor=abc", "/cursor"),
        ("cursor=%00", "/cursor"),
    ],
)
async def test_a_search_that_makes_no_sense_is_told_why(api: Api, query: str, pointer: str) -> None:
    refused = await api.client.get(f"{CALLS}?{query}")
    assert refused.status_code == 422
    assert [(error["pointer"], error["in"]) for error in refused.json()["errors"]] == [(pointer, "query")]


async def test_facets_tell_how_calls_divide(api: Api) -> None:
    given_calls(
        api.database,
        a_call("rtc_1", state="failed", rule=None),
        a_call("rtc_2", kind="reject", country=None),
        a_call("rtc_3", country="DE"),
    )
    told = (await api.client.get(f"{CALLS}/facets")).json()
    assert (told["calls"], told["more"]) == (3, False)
    assert told["state"] == [{"value": "accepting", "calls": 2}, {"value": "failed", "calls": 1}]
    assert {(facet["value"], facet["calls"]) for facet in told["country"]} == {("US", 1), (None, 1), ("DE", 1)}
    chosen = (await api.client.get(f"{CALLS}/facets?decision=accept&caller=*5550*")).json()
    assert chosen["rule"] == [{"value": None, "calls": 1}, {"value": "sales-open", "calls": 1}]
    assert (await api.client.get(f"{CALLS}/facets?header=X")).status_code == 422


async def test_pages_together_are_the_whole_history(api: Api) -> None:
    given_calls(api.database, *[a_call(f"rtc_{number:02}", received_at=NOW + number // 4) for number in range(23)])
    found: list[str] = []
    query: dict[str, Any] = {"limit": 5}
    while True:
        page = (await api.client.get(CALLS, params=query)).json()
        found += [call["call_id"] for call in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == [f"rtc_{number:02}" for number in reversed(range(23))]


async def test_the_cursor_of_another_list_is_refused(api: Api) -> None:
    for name in ("a", "b"):
        await api.client.post("/api/v1/keys", json={"name": name, "role": "viewer"})
    cursor = (await api.client.get("/api/v1/keys?limit=1")).json()["next"]
    assert (await api.client.get(CALLS, params={"cursor": cursor})).status_code == 422


async def test_a_timeline_tells_what_happened(api: Api) -> None:
    call = given_calls(api.database, a_call("rtc_1"))["rtc_1"]
    given_events(
        api.database, call, ("arrived", "decided"), ("accept_started", "accepting"), ("in_doubt", "accept_unknown")
    )
    first = (await api.client.get(f"{CALLS}/rtc_1/events?limit=2")).json()
    rest = (await api.client.get(f"{CALLS}/rtc_1/events", params={"cursor": first["next"]})).json()
    assert rest["next"] is None
    at = "2026-09-21T14:13:20.000Z"
    assert first["items"] + rest["items"] == [
        {"at": at, "kind": "arrived", "state": "decided", "detail": None},
        {"at": at, "kind": "accept_started", "state": "accepting", "detail": {"attempt": 1}},
        {"at": at, "kind": "in_doubt", "state": "accept_unknown", "detail": {"attempt": 1}},
    ]


@pytest.mark.parametrize("call_id", ["rtc_2", "..", "a b", "x" * 300, "é", "\x00", "RTC_1"])
async def test_a_call_that_does_not_exist_is_not_found(api: Api, call_id: str) -> None:
    given_calls(api.database, a_call("rtc_1"))
    for path in (f"{CALLS}/{quote(call_id, safe='')}", f"{CALLS}/{quote(call_id, safe='')}/events"):
        missing = await api.client.get(path)
        assert (missing.status_code, missing.json()["title"]) == (404, "not found")


async def test_every_role_reads_history(api: Api) -> None:
    for role in Role:
        assert (await api.client.get(CALLS, headers=api.as_(role))).status_code == 200


async def test_a_transcript_is_told_in_pages_and_masked(api: Api) -> None:
    call = given_calls(api.database, a_call("rtc_1"), a_call("rtc_2"))["rtc_1"]
    given_words(api.database, call, "I am Ann", "Good day")
    path = f"{CALLS}/rtc_1/transcript"
    first = (await api.client.get(path, params={"limit": "1"})).json()
    rest = (await api.client.get(path, params={"limit": "1", "cursor": first["next"]})).json()
    assert first["items"] == [{"at": "2026-09-21T14:13:20.000Z", "speaker": "caller", "text": "I am Ann"}]
    assert ([line["text"] for line in rest["items"]], rest["next"]) == (["Good day"], None)
    masked = (await api.client.get(path, params={"reveal": "false"})).json()
    assert [line["text"] for line in masked["items"]] == ["•••", "•••"]
    assert (await api.client.get(f"{CALLS}/rtc_2/transcript")).json() == {"items": [], "next": None}
    assert (await api.client.get(f"{CALLS}/rtc_3/transcript")).status_code == 404
    assert await ids(api, "q=good+DAY") == ["rtc_1"]


async def test_a_plan_that_speaks_of_its_call_is_masked(api: Api) -> None:
    conduct = {"greeting": "Hello Ann, you call from +14155550100", "metadata": {"n": "+14155550100"}, "max_seconds": 5}
    plan = {"steps": [{"kind": "accept", "body": "", "profile": "sales", "conduct": conduct}]}
    key = own_plan_key("rtc_1")
    with api.database.transaction() as connection:
        insert_plans(connection, {key: msgspec.json.encode(plan)})
    given_calls(api.database, a_call("rtc_1", plan=key))
    masked = (await api.client.get(f"{CALLS}/rtc_1", params={"reveal": "false"})).json()
    told = (await api.client.get(f"{CALLS}/rtc_1")).json()
    assert told["plan"][0]["conduct"]["greeting"] == conduct["greeting"]
    assert masked["plan"][0]["conduct"]["max_seconds"] == 5
    assert "4155550100" not in str(masked)
    assert "Ann" not in str(masked["plan"])
