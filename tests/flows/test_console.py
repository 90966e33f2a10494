"""The console in a browser, against a running gateway and emulator: what each kind of user does there."""

import asyncio
import csv
import re
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Route, expect

from gateway.emulator.callers import DEMO_RULEBOOK, SALES
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.emulator.scenarios import CATALOGUE
from tests.browser import sign_in
from tests.flows.console_screenshots import DONE, PAGES, SIZES, find_known, visit
from tests.flows.harness import ADMIN_KEY, Running, running_gateway

DEMO = tomllib.loads(DEMO_RULEBOOK.read_text("utf-8"))
HOSTILE = "<img src=x onerror=\"window.ran='yes'\"><script>window.ran='yes'</script>\u202e\u2066\u0007{{7*7}}"

# What a page does that it should not: told to the test by the page itself, from its first moment on.
WATCH = """
window.reports = [];
document.addEventListener('securitypolicyviolation', event => {
  window.reports.push(event.violatedDirective + ' ' + event.blockedURI);
});
window.addEventListener('error', event => window.reports.push('error ' + event.message));
"""


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_gateway(f"sqlite:///{tmp_path}/gateway.db", tmp_path) as running:
        await running.publish(DEMO)
        yield running


@pytest.fixture
async def page(browser: Browser, running: Running) -> AsyncIterator[Page]:
    """A page of somebody who is signed in as admin."""
    context = await browser.new_context(timezone_id="Europe/Berlin", viewport={"width": 1360, "height": 900})
    await context.add_init_script(WATCH)
    page = await context.new_page()
    page.set_default_timeout(10_000)
    await sign_in(page, running.url, ADMIN_KEY)
    yield page
    await context.close()


async def ring(running: Running, *, caller: str = "+33199001234", name: str = "", called: str = SALES) -> str:
    """Place a call, and wait until it is settled."""
    call_id = new_call_id(Random())
    await running.dialer.ring(call_id, Invite(trunk=Trunk.TELNYX, called=called, caller=caller, name=name))
    await running.settled(call_id)
    return call_id


async def reports(page: Page) -> list[Any]:
    """What went wrong on the page."""
    found: list[Any] = await page.evaluate("window.reports")
    return found


async def visit_all(page: Page, running: Running, call_id: str) -> AsyncIterator[str]:
    """Go to every page in turn."""
    known = await find_known(page, running, call_id)
    for name in (*PAGES, *DONE):
        await visit(page, running.url, name, known)
        yield name


async def test_an_analyst_finds_a_call_by_half_a_number_and_exports_what_was_found(
    running: Running, page: Page, tmp_path: Path
) -> None:
    await ring(running, caller="+33199001777", name="Alice Example")
    await ring(running, caller="+442079460123")
    await page.get_by_role("link", name="Call history").click()
    await expect(page.locator("table.calls tbody tr")).to_have_count(2)
    await page.keyboard.press("/")
    await page.keyboard.type("1777")
    await expect(page.locator("table.calls tbody tr")).to_have_count(1)
    assert page.url.endswith("/calls?q=1777")

    found = page.locator("#facets")
    await expect(found).to_contain_text("Export 1 call:")
    await found.get_by_role("link", name="Accept", exact=True).click()
    await page.wait_for_url("**/calls?q=1777&decision=accept")
    await expect(found).to_contain_text("Export 1 call:")
    async with page.expect_download() as downloading:
        await found.get_by_role("link", name="CSV").click()
    file = await downloading.value
    await file.save_as(tmp_path / "calls.csv")
    (exported,) = csv.DictReader((tmp_path / "calls.csv").read_text("utf-8").splitlines())
    assert file.suggested_filename == "calls.csv"
    assert (exported["caller"], exported["called"]) == ("+33199001777", SALES)

    await page.get_by_text("Save this search").click()
    await page.get_by_label("Name", exact=True).fill("Through")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("link", name="Call history").click()
    await page.get_by_role("link", name="Through").click()
    await expect(page).to_have_url(f"{running.url}/calls?decision=accept")
    await page.get_by_label("Search", exact=True).fill("1777")
    await page.wait_for_url("**/calls?q=1777&decision=accept")
    await expect(found).to_contain_text("Export 1 call:")
    await page.locator("table.calls tbody tr").click(delay=100)
    await expect(page.get_by_role("heading", level=1)).to_contain_text("+3319•••77")
    await page.get_by_role("link", name="Tell who called").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("+33199001777")
    await expect(page.get_by_role("region", name="Timeline")).to_contain_text("The upstream confirmed")
    assert await reports(page) == []


async def test_no_row_moves_when_it_is_told_how_the_calls_divide(running: Running, page: Page) -> None:
    await ring(running)
    asked_for = asyncio.Event()

    async def hold(route: Route) -> None:
        await asked_for.wait()
        await route.continue_()

    await page.route("**/calls/facets*", hold)
    await page.goto(f"{running.url}/calls")
    table = page.locator("table.calls")
    before = await table.bounding_box()
    asked_for.set()
    await expect(page.locator("#facets")).to_contain_text("Export 1 call:")
    assert await table.bounding_box() == before


async def test_an_admin_tests_a_call_without_leaving_the_page(running: Running, page: Page) -> None:
    await page.get_by_role("link", name="Test a call").first.click()
    await page.get_by_label("Called").fill("+493023125300")
    await page.get_by_label("SIP headers").fill("X-Customer-Tier: gold")
    await page.get_by_role("button", name="What happens?").click()
    await expect(page.locator("#verdict")).to_contain_text("Transfer to tel:+494066969301")
    await expect(page.get_by_label("SIP headers")).to_have_value("X-Customer-Tier: gold")
    assert await reports(page) == []


async def test_a_caller_named_like_a_script_runs_nothing_and_breaks_no_page_even_of_a_phone(
    running: Running, page: Page
) -> None:
    call_id = await ring(running, name=HOSTILE)
    await page.set_viewport_size(SIZES["phone"])
    errors: list[str] = []
    page.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
    async for name in visit_all(page, running, call_id):
        assert await page.evaluate("window.ran") is None, name
        assert await reports(page) == [], name
        assert [told for told in errors if "status of 404" not in told] == [], name  # not all are there in this test
        assert await page.evaluate(_TOO_WIDE) == [], name
    for path in ("/calls?reveal=true", f"/calls/{call_id}?reveal=true"):  # names are masked unless asked for
        await page.goto(running.url + path)
        await expect(page.get_by_role("main")).to_contain_text("<img src=x")
        assert await page.evaluate("window.ran") is None, path
        assert await reports(page) == [], path


# What reaches out of a phone's screen and cannot be scrolled to within its own box.
_TOO_WIDE = """
[...document.querySelectorAll("main *")].filter(one => {
  const box = one.getBoundingClientRect();
  return box.width && box.right > innerWidth + 1 && !one.closest(".scroll, pre, .code-line, .crumbs, .hidden, svg");
}).map(one => one.outerHTML.slice(0, 120))
"""


async def test_axe_finds_no_serious_issue_on_any_page_by_day_or_night(running: Running, page: Page) -> None:
    call_id = await ring(running, name="Alice Example")
    found = {}
    async for name in visit_all(page, running, call_id):
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")  # no colour is caught half-way
        by_day = await Axe().run(page, options={"resultTypes": ["violations"]})
        await page.emulate_media(color_scheme="dark")
        by_night = await Axe().run(page, options={"resultTypes": ["violations"], "runOnly": ["color-contrast"]})
        for one in (*by_day.response["violations"], *by_night.response["violations"]):
            if one["impact"] in ("serious", "critical"):
                found[f"{name}: {one['id']}"] = [node["html"][:200] for node in one["nodes"]]
    assert found == {}


async def test_pages_are_read_and_searched_without_scripts(running: Running, browser: Browser) -> None:
    call_id = await ring(running, caller="+33199001777")
    await ring(running, caller="+442079460123")
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await sign_in(page, running.url, ADMIN_KEY)
    headings = {name: await page.locator("h1").inner_text() async for name in visit_all(page, running, call_id)}
    assert [name for name, heading in headings.items() if not heading.strip()] == []
    await page.goto(f"{running.url}/calls")
    assert await page.locator("table.calls tbody tr").count() == 2
    await page.get_by_label("Search", exact=True).fill("1777")
    await page.get_by_role("button", name="Search").click()
    await page.wait_for_url("**/calls?*q=1777*")
    found = await page.locator("table.calls tbody tr").all_inner_texts()
    assert len(found) == 1
    assert "+3319•••77" in found[0]
    await context.close()


async def revision(running: Running) -> int:
    """The number of the revision in force."""
    number: int = (await running.client.get("/rulebook")).json()["revision"]
    return number


async def order(page: Page) -> list[str]:
    """The rules as the page has them in order."""
    names: list[str] = await page.locator("tr[data-rule]").evaluate_all("rows => rows.map(row => row.dataset.rule)")
    return names


async def test_an_admin_adds_a_rule_tests_it_replays_publishes_and_restores(running: Running, page: Page) -> None:
    await ring(running, caller="+33199001777")
    await page.goto(f"{running.url}/rules")
    await page.get_by_role("link", name="New rule").click()
    await page.get_by_label("Name", exact=True).fill("french")
    await page.get_by_label("Caller", exact=True).first.fill("+33*")
    await page.get_by_text("The caller is turned away.").click()
    await page.get_by_label("SIP status").fill("486")
    beside = page.get_by_role("form", name="Test a call")
    await beside.get_by_label("Calls to").fill(SALES)
    await beside.get_by_label("From", exact=True).fill("+33199001777")
    await page.keyboard.press("Enter")
    answer = page.locator("#trial-answer")
    await expect(answer).to_contain_text("By the rule sales, the first that matches. This rule matches too, but sales")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("french")  # nothing is saved, nothing lost
    await page.get_by_role("button", name="Save into the draft").click()
    await expect(page.get_by_text("Your draft: 1 change.")).to_be_visible()

    await page.locator("#rule-french").drag_to(page.locator("#rule-blocked"), target_position={"x": 200, "y": 3})
    await expect(page.get_by_text("Your draft: 2 changes.")).to_be_visible()
    assert (await order(page))[0] == "french"

    await page.goto(f"{running.url}/test?called=%2B{SALES[1:]}&caller=%2B33199001777&by=draft")
    await expect(page.locator("#answer")).to_contain_text("The rule french of your draft is the first that matches.")
    await page.goto(f"{running.url}/rules")
    await page.get_by_role("link", name="Review and publish").click()
    await expect(page.locator("#replay")).to_contain_text("1 of the last 1 calls would go elsewhere.")
    assert await revision(running) == 1
    await page.get_by_label("Why, for the list of revisions").fill("No French today")
    await page.get_by_label("Reverts by itself").select_option("in an hour, unless confirmed")
    await page.set_viewport_size({"width": 1280, "height": 660})
    await expect(page.get_by_role("button", name="Publish revision 2")).to_be_in_viewport(ratio=1)  # without scrolling
    await page.get_by_role("button", name="Publish revision 2").click()
    await expect(page.get_by_role("status")).to_contain_text("Revision 2 is in force, for now.")
    waiting = page.get_by_role("region", name="Waiting for confirmation")
    await expect(waiting).to_contain_text("Revision 2 reverts to 1")
    await expect(waiting.locator("[data-countdown]")).to_contain_text("within")
    await waiting.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_role("status")).to_contain_text("Revision 2 stays.")
    assert await waiting.count() == 0

    call_id = await ring(running, caller="+33199001778")
    call = await running.call(call_id)
    assert call is not None
    assert (call["state"], call["decision"]["rule"]) == ("rejected", "french")

    await page.get_by_role("link", name="Revisions").click()
    await page.get_by_role("link", name="1", exact=True).click()
    await page.get_by_role("button", name="Restore").click()
    await expect(page.get_by_role("status")).to_contain_text("Revision 3 is in force; it equals revision 1.")
    assert await reports(page) == []


async def test_rules_are_ordered_by_the_keyboard(running: Running, page: Page) -> None:
    await page.goto(f"{running.url}/rules")
    munich = page.locator("#rule-munich").get_by_role("link", name="munich", exact=True)
    await munich.focus()
    await page.keyboard.press("Alt+ArrowUp")
    await expect(page.get_by_text("Your draft: 1 change.")).to_be_visible()
    assert (await order(page))[:2] == ["munich", "blocked"]
    await expect(munich).to_be_focused()
    await page.keyboard.press("Alt+ArrowDown")
    await expect(page.get_by_text("Your draft: 2 changes.")).to_be_visible()
    assert (await order(page))[:2] == ["blocked", "munich"]
    await page.get_by_label("Switch munich off").press("Enter")
    await expect(page.get_by_label("Switch munich on")).to_be_focused()  # not lost with the table that was there


async def test_a_conflict_is_merged(running: Running, page: Page) -> None:
    await page.goto(f"{running.url}/rules")
    await page.get_by_label("Switch sales-uk off").click()
    await expect(page.get_by_text("Your draft: 1 change.")).to_be_visible()
    theirs = [{**rule, "note": "Ask Kim"} if rule["id"] == "sales-uk" else rule for rule in DEMO["rules"]]
    await running.publish({**DEMO, "rules": theirs})
    await page.get_by_role("link", name="Review and publish").click()
    await expect(page.get_by_role("region", name="Conflict Rule sales-uk")).to_contain_text("Ask Kim")
    await page.get_by_role("button", name="Keep both changes").click()
    await page.get_by_role("button", name="Publish revision 3").click()
    await expect(page.get_by_role("status").first).to_contain_text("Revision 3 is in force")
    rule = (await running.client.get("/rules/sales-uk")).json()
    assert (rule["note"], rule["enabled"]) == ("Ask Kim", False)


async def test_an_admin_closes_the_line_for_two_hours(running: Running, page: Page) -> None:
    await page.get_by_role("link", name="Overrides").click()
    await page.get_by_label("Calls to").fill(SALES)
    await page.get_by_label("For", exact=True).select_option("2 hours")
    await page.get_by_label("Why").fill("Fire drill")
    await page.get_by_role("button", name="Put it in force now").click()
    await expect(page.get_by_text("Override until")).to_be_visible()
    call_id = await ring(running)
    call = await running.call(call_id)
    assert call is not None
    assert (call["state"], call["decision"]["status"]) == ("rejected", 480)
    await page.goto(f"{running.url}/calls/{call_id}")
    await expect(page.get_by_text("Fire drill")).to_be_visible()  # on every page
    await page.get_by_role("link", name="Overrides").first.click()
    await page.get_by_role("button", name="End now").click()
    await expect(page.get_by_role("heading", name="The rules decide")).to_be_visible()
    call = await running.call(await ring(running))
    assert call is not None
    assert call["state"] == "accepted"
    assert await reports(page) == []


async def test_an_engineer_finds_a_bad_signature(running: Running, page: Page) -> None:
    call_id = new_call_id(Random())
    await running.dialer.ring(
        call_id, Invite(trunk=Trunk.TELNYX, called=SALES, caller="+33199001234"), CATALOGUE["forged"]
    )
    await page.get_by_role("link", name="Deliveries").click()
    await expect(page.get_by_text("1 for a bad signature")).to_be_visible()
    await page.get_by_role("link", name="See why").click()
    await expect(page.get_by_role("region", name="The latest")).to_contain_text("Bad signature")
    await expect(page.get_by_role("region", name="By reason")).to_contain_text("Compare the secret at the sender")
    await page.get_by_role("link", name="Endpoints").click()
    await expect(page.get_by_role("heading", name="openai")).to_be_visible()
    await expect(page.get_by_text("Signing secret", exact=True)).to_be_visible()


async def test_the_first_page_goes_on_by_itself_and_can_be_paused(running: Running, page: Page) -> None:
    badge = page.get_by_role("button", name="Live")
    await expect(badge).to_be_visible()
    latest = page.get_by_role("region", name="Latest calls")
    await expect(latest).to_contain_text("No call yet")
    await ring(running, name=HOSTILE)
    await expect(latest.locator("tbody tr")).to_have_count(1)
    await expect(page.get_by_role("region", name="Upstream")).to_contain_text("0 % of 1 failed")
    await badge.click()
    await expect(page.get_by_role("button", name="Paused")).to_be_visible()
    await ring(running)
    await expect(latest.locator("tbody tr")).to_have_count(1)
    await page.get_by_role("button", name="Paused").click()
    await expect(latest.locator("tbody tr")).to_have_count(2)
    assert await page.evaluate("window.ran") is None
    assert await reports(page) == []


async def test_todays_chart_is_its_table_drawn_and_opens_the_calls_of_an_hour(
    running: Running, page: Page, browser: Browser
) -> None:
    await ring(running)
    await ring(running, called="+15559990000")
    await page.reload()
    chart = page.locator("#today-chart")
    await expect(chart.locator("canvas")).to_be_visible()
    assert await page.evaluate(_DRAWN) == await page.evaluate(_TOLD)
    assert (await page.evaluate(_DRAWN))[-1] == 2
    by_day, by_night = [await colour_of_a_column(page, theme) for theme in ("light", "dark")]
    assert by_day[0] == by_day[1] != by_night[0] == by_night[1]  # as the legend, that is the style sheet, has it

    await page.get_by_text("The same numbers as a table").click()
    await ring(running)
    hour = page.locator("#today-hours tbody tr:visible").last
    await expect(hour.locator("td").last).to_have_text(re.compile("[23]"))  # it goes on by itself, and stays open
    async with asyncio.timeout(30):  # `wait_for_function` evaluates text within the page, which its policy forbids
        while (await page.evaluate(_DRAWN))[-1] != 3:  # noqa: ASYNC110  the page signals nobody out here
            await asyncio.sleep(0.05)
    assert await page.evaluate(_DRAWN) == await page.evaluate(_TOLD)

    place = await hour.evaluate("row => [...row.parentElement.rows].indexOf(row)")
    over = await chart.locator(".u-over").bounding_box()
    assert over is not None
    wide, y = over["width"] / await page.locator("#today-hours tbody tr").count(), over["y"] + 20
    x = over["x"] + (place + 0.5) * wide
    away = x - 2 * wide if place > 1 else x + 2 * wide
    await page.mouse.move(away, y)
    await page.mouse.down()
    await page.mouse.move(x, y, steps=4)
    await page.mouse.up()
    calls = chart.get_by_role("link", name="The calls from")
    await expect(calls).to_have_attribute("href", re.compile(r"^/calls\?since=.+&until=.+"))
    assert await page.evaluate("document.querySelector('#today-chart').plot.scales.x.max < 24")
    await chart.get_by_role("button", name="Whole day").click()
    await expect(calls).to_be_hidden()
    address = await hour.get_by_role("link").get_attribute("href")
    await page.mouse.click(x, y)
    await page.wait_for_url(f"**{address}")
    await expect(page.locator("table.calls tbody tr").first).to_be_visible()
    assert await reports(page) == []

    context = await browser.new_context(java_script_enabled=False)
    reader = await context.new_page()
    await sign_in(reader, running.url, ADMIN_KEY)
    await expect(reader.locator("#today-hours tbody tr:visible")).not_to_have_count(0)
    await expect(reader.locator("#today-chart")).to_be_hidden()
    await context.close()


async def colour_of_a_column(page: Page, theme: Literal["light", "dark"]) -> list[str]:
    """The colour at the foot of the last column, whose calls were answered, and that of the legend for them."""
    await page.emulate_media(color_scheme=theme)
    await page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found: list[str] = await page.evaluate(_COLOURS)
    return found


# Calls of the day up to each outcome, as the chart is told them, and as its table adds up.
_DRAWN = """
document.querySelector("#today-chart").plot.data.slice(1).map(tops => tops.reduce((sum, one) => sum + one, 0)).reverse()
"""
_TOLD = """
(() => {
  const rows = [...document.querySelectorAll("#today-hours tbody tr")];
  const counts = rows.map(row => [...row.cells].slice(1, -1).map(cell => Number(cell.textContent)));
  const sums = counts[0].map((_, at) => counts.reduce((sum, of) => sum + of[at], 0));
  return sums.map((_, at) => sums.slice(0, at + 1).reduce((sum, of) => sum + of, 0));
})()
"""
_COLOURS = """
(() => {
  const plot = document.querySelector("#today-chart").plot;
  const hour = plot.data.at(-1).findLastIndex(count => count > 0);
  const [x, y] = [plot.valToPos(hour, "x", true), plot.valToPos(0.1, "y", true)];
  const [red, green, blue] = plot.ctx.getImageData(Math.round(x), Math.round(y) - 2, 1, 1).data;
  const legend = getComputedStyle(plot.root.querySelector(".good .u-marker"));
  return [`rgb(${red}, ${green}, ${blue})`, legend.backgroundColor];
})()
"""


async def test_an_admin_edits_a_row_a_profile_a_calendar_and_imports_a_list(
    running: Running, page: Page, tmp_path: Path
) -> None:
    await page.goto(f"{running.url}/rules")
    await page.locator("#rule-munich a").first.focus()
    await page.keyboard.press("F2")
    await expect(page.get_by_label("Name", exact=True)).to_be_focused()
    await page.get_by_label("Note").fill("Ask Kim")
    await page.keyboard.press("Enter")
    await expect(page.locator("#rule-munich")).to_contain_text("Ask Kim")
    await expect(page.locator("#rule-munich a").first).to_be_focused()

    await page.goto(f"{running.url}/profiles/sales")
    await page.get_by_label("Turn detection: kind").select_option("semantic_vad")
    await page.get_by_label("Eagerness").select_option("low")
    await page.get_by_role("button", name="Add function").click()
    await expect(page.get_by_label("Remove tools 1")).to_be_visible()
    await page.get_by_role("button", name="Save into the draft").last.click()
    await expect(page.get_by_text("the field 'name' is missing")).to_be_visible()
    await page.get_by_label("Remove tools 1").click()
    await expect(page.get_by_text("Tools: 1")).to_have_count(0)
    await page.get_by_role("button", name="Save into the draft").last.click()
    await expect(page.get_by_role("status").first).to_contain_text("Profile sales is in your draft.")

    await page.goto(f"{running.url}/calendars/office")
    await page.get_by_label("Sunday").fill("10-12")
    await page.keyboard.press("Tab")
    await expect(page.locator("#weeks svg")).to_have_attribute("aria-label", re.compile("Sun [^:]*: 10:00 to 12:00"))

    file = tmp_path / "numbers.csv"
    file.write_text("number\n+15550009999\n+15550008888\n")
    await page.goto(f"{running.url}/lists/blocked/import")
    await page.get_by_label("File").set_input_files(file)
    await page.get_by_role("button", name="Read the file").click()
    await page.get_by_role("button", name=re.compile("^Add ")).click()
    await expect(page.get_by_role("status").first).to_contain_text("List blocked is in your draft: 4 entries.")

    await page.goto(f"{running.url}/draft")
    await page.get_by_role("button", name="Publish revision 2").click()
    await expect(page.get_by_role("status").first).to_contain_text("Revision 2 is in force")
    document = (await running.client.get("/rulebook")).json()
    profile = {**DEMO["profiles"]["sales"]}
    profile["audio"] = {**profile["audio"], "input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}}
    assert document["profiles"]["sales"] == profile
    assert next(rule for rule in document["rules"] if rule["id"] == "munich")["note"] == "Ask Kim"
    assert "+15550008888" in document["lists"]["blocked"]
    assert await reports(page) == []
