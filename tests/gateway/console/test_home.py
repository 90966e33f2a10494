from tests.gateway.api_fixtures import NOW, a_call, given_calls
from tests.gateway.console_fixtures import Console


async def test_a_new_gateway_says_the_next_step(console: Console) -> None:
    await console.sign_in()
    seen = await console.see("/")
    assert "Point a webhook for realtime.call.incoming" in seen


async def test_home_shows_the_latest_calls_and_the_rules_in_force(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1", caller_name="Ann"), a_call("rtc_2", received_at=NOW + 1))
    await console.sign_in()
    seen = await console.see("/")
    assert seen.index("+1415•••00") < seen.index("Rules in force")
    assert "Revision 0, the starter" in seen


async def test_a_theme_is_remembered(console: Console) -> None:
    await console.sign_in()
    answer = await console.send("/theme", {"theme": "dark", "back": "/calls"})
    assert answer.headers["location"] == "/calls"
    assert 'data-theme="dark"' in (await console.client.get("/")).text
    await console.send("/theme", {"theme": "", "back": "/"})
    assert "data-theme" not in (await console.client.get("/")).text


async def test_times_are_the_viewers(console: Console) -> None:
    given_calls(console.api.database, a_call("rtc_1"))
    await console.sign_in()
    console.client.cookies.set("zone", "Asia/Tokyo")
    answer = await console.client.get("/calls/rtc_1")
    assert "21 Sep 2026, 23:13:20" in answer.text  # 14:13:20 UTC
    assert 'title="2026-09-21 14:13:20.000 UTC"' in answer.text


async def test_a_zone_that_nobody_knows_is_utc(console: Console) -> None:
    await console.sign_in()
    console.client.cookies.set("zone", "../../etc/passwd")
    assert 'data-zone="UTC"' in (await console.client.get("/")).text


async def test_only_a_page_with_a_chart_loads_what_draws_it(console: Console) -> None:
    await console.sign_in()
    assert "uPlot" in (await console.client.get("/")).text
    assert "uPlot" not in (await console.client.get("/calls")).text
