import gzip
from urllib.parse import urlsplit

import pytest
from starlette.routing import Route, compile_path

from gateway.access.roles import Role, may
from gateway.console.door import POLICY, Page
from gateway.console.routes import console_routes, pages
from gateway.console.sign_in import SignIn
from tests.flows.console_screenshots import PAGES
from tests.gateway.console_fixtures import HOST, Console, text_of

# What browsers are given that is no page to look at: files, a stream, a part of a page. The sign-in is on every way.
NO_PAGES = {
    *("/calls/export", "/draft.toml", "/rulebook.toml", "/lists/{name}/import/{id}/mistakes.csv"),
    *("/live", "/rules/number", "/sign-in"),
}


def listed(console: Console) -> list[Page]:
    context = console.context
    sign_in = SignIn(database=context.database, journal=context.journal, guard=context.guard, clock=context.clock)
    return pages(context, sign_in)


def test_every_page_has_a_route(console: Console) -> None:
    routed = {route.path for route in console_routes(console.context) if isinstance(route, Route)}
    assert {page.path for page in listed(console)} <= routed


def test_every_page_is_looked_at_by_the_browsers_tests(console: Console) -> None:
    routed = {page.path: compile_path(page.path)[0] for page in listed(console) if page.path not in NO_PAGES}
    paths = [urlsplit(shown).path for shown in PAGES.values()]
    seen = {next(path for path, pattern in routed.items() if pattern.match(shown)) for shown in paths}
    assert seen == {page.path for page in listed(console) if page.method == "GET"} - NO_PAGES


async def test_no_page_is_for_strangers(console: Console) -> None:
    for page in listed(console):
        if page.may is not None:
            answer = await console.client.request(page.method, page.path, headers={"origin": HOST})
            if page.method == "GET":
                assert answer.headers["location"].startswith("/sign-in"), page.name
            else:
                assert (answer.status_code, "Sign in in another tab" in answer.text) == (401, True), page.name


@pytest.mark.parametrize("role", list(Role))
async def test_roles_refuse_what_they_may_not_do(console: Console, role: Role) -> None:
    await console.sign_in_as(role)
    for page in listed(console):
        if page.may is not None and not may(role, page.may):
            answer = await console.client.request(page.method, page.path, headers={"origin": HOST})
            assert answer.status_code == 403, page.name
            assert page.may in text_of(answer.text)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": HOST, "sec-fetch-site": "cross-site"},
        {"origin": HOST, "sec-fetch-site": "same-site"},
    ],
)
async def test_what_another_site_sends_is_not_taken(console: Console, headers: dict[str, str]) -> None:
    await console.sign_in()
    refused = await console.client.post("/sign-out", headers=headers)
    assert refused.status_code == 403
    assert (await console.client.get("/")).status_code == 200


async def test_pages_bring_their_policy_and_are_not_kept(console: Console) -> None:
    await console.sign_in()
    answer = await console.client.get("/")
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert "unsafe" not in POLICY
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
    assert "onclick" not in answer.text


async def test_what_is_not_there_is_told_on_a_page(console: Console) -> None:
    await console.sign_in()
    assert "There is no call 'rtc_none'" in await console.see("/calls/rtc_none", 404)


async def test_what_goes_wrong_with_a_part_of_a_page_is_told_above_the_rest(console: Console) -> None:
    await console.sign_in()
    answer = await console.client.get("/calls/rtc_none", headers={"hx-request": "true"})
    assert answer.headers["hx-retarget"] == "#refused"
    assert f'id="{answer.headers["hx-reselect"][1:]}"' in answer.text
    assert 'id="refused"' in (await console.client.get("/calls")).text


async def test_a_method_that_a_page_lacks_is_refused(console: Console) -> None:
    await console.sign_in()
    answer = await console.client.put("/calls")
    assert (answer.status_code, answer.headers.get("content-type")) == (405, "text/html; charset=utf-8")
    assert answer.headers["allow"] == "GET, HEAD"  # RFC 9110 section 15.5.6


async def test_a_page_is_compressed(console: Console) -> None:
    await console.sign_in()
    async with console.client.stream("GET", "/", headers={"accept-encoding": "gzip"}) as answer:
        content = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert "Latest calls" in gzip.decompress(content).decode()


async def test_a_notice_is_told_once(console: Console) -> None:
    await console.sign_in()
    await console.send("/sign-out", {})
    assert "You are signed out." in await console.see("/sign-in")
    assert "You are signed out." not in await console.see("/sign-in")


async def test_a_page_within_a_page_is_reloaded_as_a_whole_when_the_session_ended(console: Console) -> None:
    answer = await console.client.get("/calls", headers={"hx-request": "true"})
    assert answer.headers["hx-redirect"] == "/sign-in?next=/calls"


async def test_an_address_that_nobody_knows_is_told_to_people_on_a_page_and_to_programs_in_a_word(
    console: Console,
) -> None:
    await console.sign_in()
    page = await console.client.get("/rule", headers={"accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 404
    assert "There is no such page" in text_of(page.text)
    assert 'aria-label="Pages"' in page.text
    asked = await console.client.get("/rule")
    sent = await console.client.post("/rule", headers={"accept": "text/html"})
    assert [(answer.status_code, answer.text) for answer in (asked, sent)] == [(404, "Not Found")] * 2
