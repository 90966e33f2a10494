import asyncio
import json
import tomllib
from typing import Any

import pytest

from gateway.access.roles import Role
from gateway.rulebook.store import Revision
from gateway.upstream.wire import INCOMING_CALL
from tests.gateway.api_fixtures import Api
from tests.gateway.rulebook.rulebooks import insert_revision

RULEBOOK = "/api/v1/rulebook"
DECIDE = "/api/v1/decide"

DOCUMENT: dict[str, Any] = {
    "profiles": {"sales": {"model": "gpt-realtime-2.1"}},
    "calendars": {},
    "lists": {"blocked": ["+15550009999"]},
    "rules": [
        {"id": "blocked", "when": {"caller": "list:blocked"}, "then": {"reject": 603}},
        {"id": "sales", "when": {"called": "+15551230000"}, "then": {"accept": "sales"}},
    ],
    "default": {"reject": 480},
}


async def publish(api: Api, document: Any = DOCUMENT, base: int = 0, query: str = "", **headers: str) -> Any:
    return await api.client.put(RULEBOOK + query, json=document, headers={"if-match": f'"{base}"', **headers})


# --- GET --------------------------------------------------------------------------------------------------------------


async def test_before_the_first_publish_the_starter_is_revision_0(api: Api) -> None:
    shown = await api.client.get(RULEBOOK)
    assert (shown.status_code, shown.headers["etag"], shown.json()["revision"]) == (200, '"0"', 0)
    assert set(shown.json()) >= {"rules", "profiles", "calendars", "lists", "default"}


async def test_what_was_published_is_shown_with_its_revision(api: Api) -> None:
    await publish(api)
    shown = await api.client.get(RULEBOOK)
    assert shown.headers["etag"] == '"1"'
    assert shown.json() == {"revision": 1, **DOCUMENT}


async def test_what_is_shown_can_be_published_again_unchanged(api: Api) -> None:
    shown = (await api.client.get(RULEBOOK)).json()
    assert (await publish(api, shown)).status_code == 200
    assert (await api.client.get(RULEBOOK)).json() == {**shown, "revision": 1}


async def test_an_older_revision_is_shown_on_demand(api: Api) -> None:
    await publish(api)
    await publish(api, {}, base=1)
    shown = await api.client.get(RULEBOOK, params={"revision": 1})
    assert (shown.headers["etag"], shown.json()["rules"]) == ('"1"', DOCUMENT["rules"])
    assert (await api.client.get(RULEBOOK, params={"revision": 0})).headers["etag"] == '"0"'
    assert (await api.client.get(RULEBOOK, params={"revision": 3})).status_code == 404


@pytest.mark.parametrize("revision", ["-1", "x", "", "2147483648", "1.5"])
async def test_a_revision_is_a_number(api: Api, revision: str) -> None:
    refused = await api.client.get(RULEBOOK, params={"revision": revision})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/revision")


async def test_a_client_that_has_the_revision_is_not_sent_it_again(api: Api) -> None:
    unchanged = await api.client.get(RULEBOOK, headers={"if-none-match": '"0"'})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", '"0"')
    await publish(api)
    assert (await api.client.get(RULEBOOK, headers={"if-none-match": '"0"'})).status_code == 200


async def test_the_file_form_is_toml(api: Api) -> None:
    await publish(api)
    shown = await api.client.get(RULEBOOK, headers={"accept": "application/toml"})
    assert (shown.headers["content-type"], shown.headers["etag"]) == ("application/toml", '"1"')
    assert {"calendars": {}, **tomllib.loads(shown.text)} == DOCUMENT


async def test_a_null_has_no_file_form(api: Api) -> None:
    audio = {"input": {"turn_detection": None}}
    await publish(api, {"profiles": {"silent": {"model": "m", "audio": audio}}})
    refused = await api.client.get(RULEBOOK, headers={"accept": "application/toml"})
    assert refused.status_code == 406
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/profiles/silent/audio/input/turn_detection"]


# --- PUT --------------------------------------------------------------------------------------------------------------


async def test_a_publish_answers_with_the_revision_and_the_warnings(api: Api) -> None:
    rules = [{"id": "all", "then": {"reject": 486}}, {"id": "never", "then": {"reject": 603}}]
    published = await publish(api, {"rules": rules}, query="?comment=closed+today")
    assert (published.status_code, published.headers["etag"], published.json()["revision"]) == (200, '"1"', 1)
    assert [(told["severity"], told["pointer"]) for told in published.json()["problems"]] == [("warning", "/rules/1")]
    assert api.current.compiled.number == 1
    (noted,) = (await api.client.get(f"{RULEBOOK}/revisions")).json()["items"]
    assert noted == {
        "revision": 1,
        "author": "GATEWAY_ADMIN_KEY",
        "comment": "closed today",
        "forced_for": None,
        "created_at": "2026-09-21T14:13:20.000Z",
        "confirm_by": None,
        "confirmed_at": None,
        "reverted": False,
        "counts": {"added": 2, "removed": 9, "changed": 0, "moved": 0},
        "changes": None,
    }


async def test_a_toml_file_is_published_like_json(api: Api) -> None:
    text = """
        default = { reject = 480 }
        [calendars.office]
        zone = "Europe/Berlin"
        open = ["Mon-Fri 09:00-17:00"]
        closed_on = [2026-12-24]
        [[rules]]
        id = "open"
        when = { during = "office" }
        then = { reject = 486 }
    """
    published = await api.client.put(
        RULEBOOK, content=text, headers={"content-type": "application/toml", "if-match": '"0"'}
    )
    assert published.status_code == 200, published.text
    shown = (await api.client.get(RULEBOOK)).json()
    assert shown["calendars"]["office"]["closed_on"] == ["2026-12-24"]


async def test_a_publish_must_name_the_revision_that_it_changes(api: Api) -> None:
    refused = await api.client.put(RULEBOOK, json=DOCUMENT)
    assert (refused.status_code, refused.json()["revision"]) == (428, 0)
    assert api.current.compiled.number == 0


async def test_a_publish_from_an_older_revision_is_refused_with_the_current_one(api: Api) -> None:
    await publish(api)
    refused = await publish(api, {}, base=0)
    assert (refused.status_code, refused.json()["revision"], refused.headers["etag"]) == (412, 1, '"1"')
    assert (await publish(api, {}, base=1)).status_code == 200


async def test_of_two_people_who_publish_at_once_one_is_told(api: Api) -> None:
    answers = await asyncio.gather(publish(api), publish(api, {}))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (refused,) = [answer for answer in answers if answer.status_code == 412]
    assert refused.json()["revision"] == 1


async def test_a_publish_by_another_process_counts_too(api: Api) -> None:
    with api.database.transaction() as connection:
        insert_revision(connection, Revision(number=1, document={}))
    assert (await publish(api)).status_code == 412
    assert (await publish(api, base=1)).json()["revision"] == 2


async def test_every_mistake_of_a_rulebook_is_told_with_its_place(api: Api) -> None:
    rules = [
        {"id": "a", "whn": {}, "then": {"reject": 200}},
        {"id": "a", "then": {"accept": "sales"}},
    ]
    refused = await publish(api, {"rules": rules, "colour": "red"})
    assert (refused.status_code, refused.json()["title"]) == (422, "the rulebook has mistakes")
    told = {error["pointer"]: error["code"] for error in refused.json()["errors"]}
    assert told["/rules/0/whn"] == "unknown_field"
    assert told["/colour"] == "unknown_field"
    assert told["/rules/0/then/reject"] == "out_of_range"
    assert all(error["detail"] for error in refused.json()["errors"])
    assert api.current.compiled.number == 0


async def test_a_rulebook_full_of_mistakes_is_answered_within_reason(api: Api) -> None:
    rules = [{"id": f"r{number}", "then": {"reject": 1}} for number in range(2_000)]
    refused = await publish(api, {"rules": rules})
    assert len(refused.json()["errors"]) == 1_000
    assert "2,000 mistakes" in refused.json()["detail"]


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"7"])
async def test_a_rulebook_is_an_object(api: Api, body: bytes) -> None:
    headers = {"content-type": "application/json", "if-match": '"0"'}
    refused = await api.client.put(RULEBOOK, content=body, headers=headers)
    assert (refused.status_code, [error["pointer"] for error in refused.json()["errors"]]) == (422, [""])


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"lists": {"a": [], "a": []}}', "application/json", 400),
        (b"rules = ", "application/toml", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "application/yaml", 415),
        (b" " * (64 * 1024 * 1024 + 1), "application/json", 413),
    ],
    ids=["json", "twice", "toml", "text", "yaml", "large"],
)
async def test_a_body_that_cannot_be_read_is_refused(api: Api, body: bytes, media: str, status: int) -> None:
    refused = await api.client.put(RULEBOOK, content=body, headers={"content-type": media, "if-match": '"0"'})
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_dry_run_publishes_nothing(api: Api) -> None:
    rules = [{"id": "all", "then": {"reject": 486}}, {"id": "never", "then": {"reject": 603}}]
    checked = await api.client.put(RULEBOOK, params={"dry_run": "true"}, json={"rules": rules})
    assert (checked.status_code, checked.json()["revision"], len(checked.json()["problems"])) == (200, 0, 1)
    refused = await api.client.put(RULEBOOK, params={"dry_run": "true"}, json={"rules": {}})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/rules")
    stale = await publish(api, {}, base=7, query="?dry_run=true")
    assert stale.status_code == 412
    assert (await api.client.get(RULEBOOK)).headers["etag"] == '"0"'


async def test_a_large_rulebook_is_published(api: Api) -> None:
    rules = [{"id": f"r{n}", "when": {"called": f"+1555{n:07}"}, "then": {"reject": 486}} for n in range(5_000)]
    assert (await publish(api, {"rules": rules})).status_code == 200
    assert len(json.loads((await api.client.get(RULEBOOK)).content)["rules"]) == 5_000


async def test_a_viewer_reads_and_does_not_publish(api: Api) -> None:
    viewer = api.as_(Role.VIEWER)
    assert (await api.client.get(RULEBOOK, headers=viewer)).status_code == 200
    for query in ("", "?dry_run=true"):
        refused = await publish(api, query=query, **viewer)
        assert (refused.status_code, refused.json()["permission"]) == (403, "rulebook:write")


async def test_an_editor_is_the_author_of_what_it_publishes(api: Api) -> None:
    await publish(api, **api.as_(Role.EDITOR, "ann"))
    assert (await api.client.get(f"{RULEBOOK}/revisions")).json()["items"][0]["author"] == "ann"


# --- expectations -----------------------------------------------------------------------------------------------------

EXPECTING = {
    **DOCUMENT,
    "expect": [
        {"name": "sales", "call": {"called": "+1 555 123 0000", "caller": "+14155550100"}, "rule": "sales"},
        {"name": "Ann", "call": {"called": "+15551230000", "caller": "+15550009999"}, "then": {"accept": "sales"}},
    ],
}


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
async def test_a_call_that_would_go_elsewhere_than_expected_blocks_a_publish(api: Api, query: str) -> None:
    refused = await publish(api, EXPECTING, query=query)
    told = refused.json()
    assert (refused.status_code, told["type"]) == (422, "/openapi.json#/x-problems/broken")
    assert told["errors"] == [
        {
            "pointer": "/expect/1",
            "code": "broken_expectation",
            "detail": "'Ann' expects accept sales; what comes out is reject 603 by rule 'blocked' (rule matched); "
            "'sales' matches too, but stands after 'blocked'",
        }
    ]
    assert api.current.compiled.number == 0


@pytest.mark.parametrize(("query", "revision"), [("&dry_run=true", 0), ("", 1)])
async def test_it_is_forced_for_a_reason(api: Api, query: str, revision: int) -> None:
    published = await publish(api, EXPECTING, query=f"?force=true&reason=Ann+is+gone{query}")
    assert (published.status_code, published.json()["revision"]) == (200, revision)
    assert [told["code"] for told in published.json()["problems"]] == ["broken_expectation"]
    noted = (await api.client.get(f"{RULEBOOK}/revisions")).json()["items"]
    assert [note["forced_for"] for note in noted] == ["Ann is gone"][:revision]


@pytest.mark.parametrize("query", ["?force=true", "?force=true&reason=+", "?reason=because"])
async def test_force_and_reason_go_together(api: Api, query: str) -> None:
    refused = await publish(api, query=query)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/reason")


async def test_a_call_from_an_endpoint_that_is_not_configured_cannot_be_expected(api: Api) -> None:
    case = {"name": "x", "call": {"endpoint": "paris"}, "rule": "sales"}
    refused = await publish(api, {**DOCUMENT, "expect": [case]})
    (told,) = refused.json()["errors"]
    assert (told["pointer"], told["code"]) == ("/expect/0/call", "unknown_endpoint")
    assert "configured: openai, berlin" in told["detail"]


# --- revisions and problems -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["revisions", "problems"])
async def test_pages_are_the_whole_list(api: Api, path: str) -> None:
    for number in range(5):
        await publish(api, {"lists": {f"empty-{n}": [] for n in range(number)}}, base=number)
    whole = (await api.client.get(f"{RULEBOOK}/{path}")).json()
    assert (len(whole["items"]), whole["next"]) == ({"revisions": 5, "problems": 9}[path], None)
    found: list[Any] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = (await api.client.get(f"{RULEBOOK}/{path}", params=query)).json()
        found += page["items"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == whole["items"]


async def test_problems_do_not_go_on_in_another_revision(api: Api) -> None:
    await publish(api, {"lists": {"a": [], "b": []}})
    cursor = (await api.client.get(f"{RULEBOOK}/problems?limit=1")).json()["next"]
    await publish(api, {"lists": {"a": [], "b": []}}, base=1)
    refused = await api.client.get(f"{RULEBOOK}/problems", params={"cursor": cursor})
    assert refused.status_code == 422


# --- POST /decide -----------------------------------------------------------------------------------------------------


async def decide(api: Api, **question: Any) -> Any:
    answer = await api.client.post(DECIDE, json=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_call_is_decided_and_explained(api: Api) -> None:
    await publish(api)
    answer = await decide(api, called="+1 555 123 0000", caller="415-555-0100", media="srtp")
    assert answer["decision"] == {"kind": "accept", "accept": "sales"}
    assert (answer["rule"], answer["revision"], answer["reason"]) == ("sales", 1, "rule_matched")
    assert [(tried["rule"], tried["matched"], tried["failed"]) for tried in answer["tried"]] == [
        ("blocked", False, "caller"),
        ("sales", True, None),
    ]
    assert answer["untried"] == 0
    assert answer["facts"] == {
        "called": "+15551230000",
        "caller": "+14155550100",
        "called_uri": "",
        "caller_uri": "",
        "called_header": None,
        "caller_header": None,
        "caller_name": None,
        "anonymous": False,
        "country": "US",
        "headers": [],
        "media": "srtp",
        "endpoint": "openai",
        "attestation": "none",
    }


async def test_a_call_that_no_rule_is_for_gets_the_default(api: Api) -> None:
    await publish(api)
    answer = await decide(api, called="+15559990000", caller="anonymous")
    assert (answer["decision"], answer["rule"]) == ({"kind": "reject", "reject": 480}, None)
    assert answer["reason"] == "none_matched"


async def test_headers_may_be_repeated_and_times_given(api: Api) -> None:
    rules = [
        {"id": "beta", "when": {"header": {"X-Tenant": "beta"}, "during": "day"}, "then": {"refer": "tel:+14155550100"}}
    ]
    calendars = {"day": {"zone": "Europe/Berlin", "open": ["Mon-Sun 08:00-20:00"]}}
    await publish(api, {"rules": rules, "calendars": calendars})
    headers = {"X-Tenant": ["acme", "beta"], "To": "<sip:+15551230000@x>"}
    day = await decide(api, headers=headers, at="2026-12-01T19:59:59+01:00")
    assert (day["rule"], day["facts"]["called"], day["facts"]["called_header"]) == ("beta", "+15551230000", "to")
    assert [header["value"] for header in day["facts"]["headers"]] == ["acme", "beta", "<sip:+15551230000@x>"]
    night = await decide(api, headers=headers, at="2026-12-01T20:00:00+01:00")
    assert (night["rule"], night["reason"]) == (None, "outside_hours")
    again = await decide(api, headers=day["facts"]["headers"], at="2026-12-01T19:59:59+01:00")  # as a call shows them
    assert (again["rule"], again["facts"]) == ("beta", day["facts"])


EVENT = {
    "object": "event",
    "type": INCOMING_CALL,
    "created_at": 1_790_000_000,
    "data": {
        "call_id": "rtc_1",
        "sip_headers": [
            {"name": "From", "value": '"Ann" <sip:+14155550100@example.com>;tag=1'},
            {"name": "To", "value": "<sip:+15551230000@example.com>"},
        ],
        "sip_media_security": "rtp",
    },
}


@pytest.mark.parametrize("event", [EVENT, json.dumps(EVENT)], ids=["object", "text"])
async def test_the_body_of_a_webhook_may_be_tried(api: Api, event: Any) -> None:
    await publish(api)
    answer = await decide(api, event=event, endpoint="berlin", at="2026-12-01T20:00:00Z")
    assert answer["rule"] == "sales"
    facts = answer["facts"]
    assert (facts["caller"], facts["caller_name"], facts["media"]) == ("+14155550100", "Ann", "rtp")
    assert facts["endpoint"] == "berlin"


@pytest.mark.parametrize(
    "event",
    ["{", "[]", {}, {**EVENT, "type": "batch.completed"}, {**EVENT, "data": {"call_id": "../x"}}, ""],
)
async def test_an_event_that_announces_no_call_is_refused(api: Api, event: Any) -> None:
    body = json.dumps({"event": event})
    refused = await api.client.post(DECIDE, content=body, headers={"content-type": "application/json"})
    assert (refused.status_code, [error["pointer"] for error in refused.json()["errors"]]) == (422, ["/event"])


async def test_the_doctor_shows_how_the_numbers_were_read(api: Api) -> None:
    answer = await decide(
        api, headers={"To": "<sip:proj_1@x.com>", "Diversion": "<sip:+15815550100@x.com>"}, caller="1001"
    )
    doctor = answer["doctor"]
    assert [(one["header"], one["number"], one["chosen"]) for one in doctor["called"][:2]] == [
        ("to", None, False),
        ("diversion", "+15815550100", True),
    ]
    assert [(one["header"], one["value"], one["compared"]) for one in doctor["caller"]] == [(None, "1001", "1001")]


async def test_a_draft_may_be_asked(api: Api) -> None:
    draft = {"revision": 7, "rules": [{"id": "all", "then": {"reject": 486}}]}
    answer = await decide(api, called="+15551230000", rulebook=draft)
    assert (answer["rule"], answer["revision"]) == ("all", None)
    assert api.current.compiled.number == 0


async def test_the_mistakes_of_a_draft_are_told_with_their_place_in_the_question(api: Api) -> None:
    draft = {"rules": [{"id": "all", "then": {"reject": 1}}]}
    refused = await api.client.post(DECIDE, json={"called": "1", "rulebook": draft})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/rulebook/rules/0/then/reject"]


@pytest.mark.parametrize(
    ("question", "pointer"),
    [
        ({"calld": "+15551230000"}, "/calld"),
        ({"called": 15551230000}, "/called"),
        ({"called": "1", "at": "tomorrow"}, "/at"),
        ({"called": "1", "at": "2026-12-01T20:00:00"}, "/at"),
        ({"called": "1", "endpoint": "azure"}, "/endpoint"),
        ({"called": "1", "attestation": "D"}, "/attestation"),
        ({"called": "1", "headers": [["To", "x"]]}, "/headers"),
        ({"called": "1", "headers": {"To": [1]}}, "/headers/To/0"),
        ({"called": "1", "rulebook": []}, "/rulebook"),
        ({"called": "1", "event": {}}, ""),
        ([], ""),
    ],
)
async def test_a_question_that_makes_no_sense_is_told_why(api: Api, question: Any, pointer: str) -> None:
    refused = await api.client.post(DECIDE, json=question)
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


async def test_a_viewer_may_ask(api: Api) -> None:
    asked = await api.client.post(DECIDE, json={"called": "1"}, headers=api.as_(Role.VIEWER))
    assert asked.status_code == 200


async def test_a_better_order_is_suggested_and_not_made(api: Api) -> None:
    wide = {"id": "wide", "when": {"called": "+1*"}, "then": {"reject": 486}}
    narrow = {"id": "narrow", "when": {"called": "+15551230000"}, "then": {"reject": 480}}
    published = await api.client.put("/api/v1/rulebook", json={"rules": [wide, narrow]}, headers={"if-match": '"0"'})
    assert published.status_code == 200
    suggested = (await api.client.get("/api/v1/rulebook/order")).json()
    assert [(move["rule"], move["before"]) for move in suggested["moves"]] == [("narrow", "wide")]
    assert (suggested["revision"], suggested["more"]) == (1, 0)
    shown = (await api.client.get("/api/v1/rulebook")).json()
    assert [rule["id"] for rule in shown["rules"]] == ["wide", "narrow"]
