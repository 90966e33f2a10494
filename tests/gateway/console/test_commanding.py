from tests.gateway.api_fixtures import a_call, given_calls
from tests.gateway.console_fixtures import Console, text_of


async def test_a_call_is_hung_up_after_a_question(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1", state="accepted"))
    await console.sign_in()
    assert "Hang up this call?" in await console.see("/calls/rtc_1/hangup")
    answer = await console.send("/calls/rtc_1/hangup", {})
    assert (answer.status_code, answer.headers["location"]) == (303, "/calls/rtc_1")
    seen = await console.see("/calls/rtc_1")
    assert "Whether it worked is not known yet" in seen
    assert "Hanging up" in seen
    again = await console.send("/calls/rtc_1/hangup", {})
    assert again.status_code == 409
    assert "It was not hung up. the call is being hung up already" in text_of(again.text)


async def test_a_caller_is_transferred_to_where_the_guard_lets(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1", state="accepted"))
    await console.sign_in()
    assert "Transfer this caller?" in await console.see("/calls/rtc_1/transfer")
    for target in ("", "tel:+19005550100", "anybody"):
        refused = await console.send("/calls/rtc_1/transfer", {"to": target})
        assert refused.status_code == 422, target
        assert 'aria-invalid="true"' in refused.text
    answer = await console.send("/calls/rtc_1/transfer", {"to": "tel:+14155550123"})
    assert answer.headers["location"] == "/calls/rtc_1"
    seen = await console.see("/calls/rtc_1")
    assert "The transfer has begun." in seen
    assert "Transferring" in seen
    again = await console.send("/calls/rtc_1/transfer", {"to": "tel:+14155550123"})
    assert again.status_code == 409
    assert "a transfer is under way" in again.text
    audited = (await console.api.client.get("/api/v1/audit", params={"object": "call:rtc_1"})).json()["items"]
    assert [entry["after"] for entry in audited] == [{"to": "tel:+14155550123"}]


async def test_a_call_that_is_not_there_is_not_commanded(console: Console) -> None:
    await console.sign_in()
    await console.see("/calls/rtc_9/hangup", 404)
    assert (await console.send("/calls/rtc_9/transfer", {"to": "tel:+14155550123"})).status_code == 404
