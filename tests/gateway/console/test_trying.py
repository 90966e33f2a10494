import json

from gateway.console.trying import read_headers
from tests.gateway.console_fixtures import Console, text_of

RULEBOOK = {
    "profiles": {"sales": {"model": "gpt-realtime-2.1", "instructions": "Sell."}},
    "rules": [
        {"id": "gold", "when": {"called": "+493023125100", "header": {"X-Tier": "gold"}}, "then": {"accept": "sales"}},
        {"id": "desk", "when": {"called": "+493023125100"}, "then": {"refer": "tel:+494066969301"}},
    ],
}


async def given_rules(console: Console) -> None:
    answer = await console.api.client.put("/api/v1/rulebook", json=RULEBOOK, headers={"if-match": '"0"'})
    assert answer.status_code == 200, answer.text
    await console.sign_in()


async def test_the_page_says_what_to_do(console: Console) -> None:
    await console.sign_in()
    assert "Describe a call" in await console.see("/test")


async def test_a_test_shows_each_rule_and_what_would_be_sent(console: Console) -> None:
    await given_rules(console)
    answer = await console.send("/test", {"called": "+493023125100", "headers": "X-Tier: gold\r\nX-Other: 1"})
    assert answer.status_code == 200
    assert "Accept" in answer.text
    assert "The rule <b>gold</b> of revision 1" in answer.text
    assert "&#34;instructions&#34;: &#34;Sell.&#34;" in answer.text
    assert "gateway decide --called +493023125100" in answer.text


async def test_a_test_is_an_address(console: Console) -> None:
    await given_rules(console)
    seen = await console.see("/test?called=%2B493023125100")
    assert "Transfer to tel:+494066969301" in seen
    assert "header x-tier is absent" in seen


async def test_a_pasted_webhook_is_read(console: Console) -> None:
    await given_rules(console)
    event = {
        "type": "realtime.call.incoming",
        "created_at": 1_790_000_000,
        "data": {"call_id": "rtc_1", "sip_headers": [{"name": "To", "value": "<sip:+493023125100@example.com>"}]},
    }
    answer = await console.send("/test", {"event": json.dumps(event)})
    assert "The rule <b>desk</b>" in answer.text


async def test_mistakes_stand_at_their_fields(console: Console) -> None:
    await given_rules(console)
    answer = await console.send("/test", {"called": "+493023125100", "endpoint": "nowhere", "at": "soon"})
    assert answer.status_code == 422
    assert "write a time with its offset" in answer.text
    answer = await console.send("/test", {"event": "{}"})
    assert answer.status_code == 422
    answer = await console.send("/test", {"called": "1", "endpoint": "nowhere"})
    assert "there is no endpoint" in answer.text


async def test_a_line_that_is_no_header_is_not_passed_over(console: Console) -> None:
    await console.sign_in()
    answer = await console.send(
        "/test", {"called": "+493023125100", "headers": "X-Tier: gold\r\n and more\r\nX-Other gold"}
    )
    assert answer.status_code == 422
    assert "'X-Other gold' is no header; write one a line, as Name: value" in text_of(answer.text)


def test_headers_are_read_as_people_paste_them() -> None:
    text = "To: <sip:a@b>;tag=1\nX-Long: one\n  two\n\nX-Twice: 1\nX-Twice: 2"
    assert read_headers(text) == {"To": ["<sip:a@b>;tag=1"], "X-Long": ["one two"], "X-Twice": ["1", "2"]}


async def test_every_rule_is_held_against_a_call_that_nobody_made(console: Console) -> None:
    rules = [{"id": f"r{n}", "when": {"called": f"+4930{n:04}"}, "then": {"reject": 486}} for n in range(201)]
    await console.api.client.put("/api/v1/rulebook", json={"rules": rules}, headers={"if-match": '"0"'})
    await console.sign_in()
    answer = await console.client.get("/test?called=%2B15551230000")
    assert "/test/rules?called=%2B15551230000" in answer.text
    assert "r0 called is +15551230000, not +49300000" in await console.see("/test/rules?called=%2B15551230000")
    assert "r200 called" in await console.see("/test/rules?called=%2B15551230000&begin=201")
    for wrong in ("endpoint=nowhere", "event=%7B", "at=yesterday"):
        await console.see(f"/test/rules?{wrong}", 422)


async def test_a_call_is_tested_by_the_draft_that_nobody_else_sees(console: Console) -> None:
    await console.sign_in()
    rule = {"id": "closed", "enabled": "yes", "when.called": "+493023125", "kind": "reject", "status": "480"}
    assert (await console.send("/rules/new", {**rule, "before": "office-open"})).status_code == 303
    assert "Reject with SIP 480 The rule closed of your draft" in await console.see(
        "/test?called=%2B493023125&by=draft"
    )
    assert "SIP 480" not in await console.see("/test?called=%2B493023125")
    assert "Each rule of your draft held against" in await console.see("/test/rules?called=%2B493023125&by=draft")
    text = (await console.client.get("/draft.toml")).text
    assert text.startswith("# revision 0")
    assert 'id = "closed"' in text
