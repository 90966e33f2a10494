from zoneinfo import ZoneInfo

from gateway.console.calls import command_of
from tests.gateway.api_fixtures import NOW, a_call, given_calls
from tests.gateway.console_fixtures import Console


async def test_a_call_is_found_by_half_a_number(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1", caller="+14155550177"), a_call("rtc_2", caller="+493023125100"))
    await console.sign_in()
    seen = await console.see("/calls?q=555017&reveal=true")
    assert "+14155550177" in seen
    assert "+493023125100" not in seen


async def test_empty_fields_of_the_search_say_nothing(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1"))
    await console.sign_in()
    assert "+14155550100" in await console.see("/calls?q=&state=&decision=&since=&until=&called=&reveal=true")


async def test_a_search_that_cannot_be_read_says_which_field(console: Console) -> None:
    await console.sign_in()
    seen = await console.see("/calls?state=happy&since=yesterday", 422)
    assert "state must be" in seen
    assert "since write a time" in seen


async def test_dates_without_an_offset_are_the_viewers(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1"))  # 14:13:20 UTC
    await console.sign_in()
    console.client.cookies.set("zone", "Asia/Tokyo")
    assert "+14155550100" in await console.see("/calls?since=2026-09-21T23:13&reveal=true")
    assert "No call is like that" in await console.see("/calls?since=2026-09-21T23:14")


async def test_pages_go_on_where_the_last_one_ended(console: Console) -> None:
    given_calls(
        console.api.database, *(a_call(f"rtc_{n}", caller=f"+1415555010{n}", received_at=NOW + n) for n in range(3))
    )
    await console.sign_in()
    first = await console.client.get("/calls?limit=2&reveal=true")
    older = first.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    seen = await console.see(older)
    assert "+14155550100" in seen
    assert "+14155550101" not in seen
    assert "Newest" in seen


async def test_a_hostile_name_is_text(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1", caller_name="<img src=x onerror=alert(1)>\u202e"))
    await console.sign_in()
    for path in ("/", "/calls?reveal=true", "/calls/rtc_1?reveal=true"):
        html = (await console.client.get(path)).text
        assert "<img" not in html
        assert "\u202e" not in html


def test_a_search_has_its_command() -> None:
    assert command_of({"q": "555", "state": "failed", "reveal": "true"}, ZoneInfo("UTC")) == [
        *("gateway", "calls", "list", "-q", "555", "--state", "failed"),
    ]
    assert command_of({"since": "2026-12-01T22:00", "country": "DE"}, ZoneInfo("Europe/Berlin")) == [
        *("gateway", "calls", "list", "--since", "2026-12-01T22:00:00+01:00", "--country", "DE"),
    ]


async def test_a_search_is_exported_as_a_file(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1"))
    await console.sign_in()
    refused = await console.client.get("/calls/export?since=yesterday")
    assert refused.status_code == 422
    answer = await console.client.get("/calls?state=accepting")
    assert "/calls/export?format=csv&amp;state=accepting" in answer.text
