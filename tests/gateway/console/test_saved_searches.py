from gateway.access.roles import Role
from gateway.console.saved_searches import MOST, filters_to_keep
from tests.gateway.api_fixtures import a_call, given_calls
from tests.gateway.console_fixtures import Console


def test_nothing_about_callers_and_no_times_are_kept() -> None:
    said = {"state": "failed", "caller": "+4930*", "q": "555", "header": "X-A", "since": "2026-09-21T00:00", "rule": ""}
    assert filters_to_keep(said) == {"state": "failed"}


async def test_a_search_is_saved_for_oneself_or_for_everybody_and_forgotten(console: Console) -> None:
    await console.sign_in_as(Role.ANALYST, "Kim")
    assert "Save this search" not in await console.see("/calls")
    assert "Kept: state failed." in await console.see("/calls?state=failed&q=555")
    answer = await console.send("/calls/saved", {"name": "Troubles", "shared": "true", "state": "failed", "q": "555"})
    assert answer.headers["location"] == "/calls?state=failed"
    await console.send("/calls/saved", {"name": "Mine", "state": "ended"})
    page = (await console.client.get("/calls?state=failed")).text
    assert '<a href="/calls?state=failed" aria-current="true">Troubles</a>' in page
    assert "Forget the search Mine" in page
    await console.sign_in_as(Role.VIEWER, "Sam")
    page = (await console.client.get("/calls")).text
    assert 'title="Shared by Kim">Troubles</a>' in page
    assert "Mine" not in page
    assert (await console.send("/calls/saved/forget", {"name": "Troubles"})).status_code == 404


async def test_a_search_that_cannot_be_saved_says_why(console: Console) -> None:
    await console.sign_in()
    for fields, told in (
        ({"name": "", "state": "failed"}, "name"),
        ({"name": "All"}, "There is no filter to be saved"),
        ({"name": "Odd", "state": "happy"}, "state must be"),
    ):
        refused = await console.send("/calls/saved", fields)
        assert refused.status_code == 422
        assert told in refused.text
    for n in range(MOST):
        await console.send("/calls/saved", {"name": f"s{n}", "state": "failed"})
    assert "forget one first" in (await console.send("/calls/saved", {"name": "more", "state": "failed"})).text
    assert (await console.send("/calls/saved", {"name": "s7", "state": "ended"})).status_code == 303
    assert "“s7” is saved, in place of yours of that name" in await console.see("/calls?state=ended")
    answer = await console.send("/calls/saved/forget", {"name": "s7"})
    assert answer.headers["location"] == "/calls"


async def test_a_search_tells_how_its_calls_divide_and_how_many_an_export_would_have(console: Console) -> None:
    rows = [a_call(f"rtc_{n}", state="ended" if n else "failed", country="US" if n else None) for n in range(3)]
    given_calls(console.api.database, *rows)
    await console.sign_in()
    assert 'hx-get="/calls/facets?decision=accept"' in (await console.client.get("/calls?decision=accept")).text
    seen = await console.see("/calls/facets?decision=accept")
    for words in (
        "Ended 2",
        "Failed 1",
        "Accept 3",
        "sales-open 3",
        "US 2",
        "unknown 1",
        "Of all 3.",
        "Export 3 calls:",
    ):
        assert words in seen, words
    assert "not counted" in await console.see("/calls/facets?header=X-Tenant")
    assert "state must be" in await console.see("/calls/facets?state=happy", 422)
    await console.sign_in_as(Role.VIEWER)
    assert "Export" not in await console.see("/calls/facets?state=ended")
    await console.see("/calls/facets?q=555", 403)
