"""Pictures of every page of the console, light and dark, on a desktop and on a phone.

    python -m tests.flows.console_screenshots [PAGE …]

A gateway with the demo's rules takes some calls first; the pictures go to docs/console/.
"""

import asyncio
import sys
import tempfile
import tomllib
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, Page, ViewportSize
from sqlalchemy import text

from gateway.calls.tally import HOUR
from gateway.clock import SystemClock, to_datetime, to_rfc3339
from gateway.database import Database
from gateway.emulator.callers import DEMO_RULEBOOK, SALES, callers
from gateway.tables import hourly
from tests.browser import HINT, find_chromium, running_browser, sign_in
from tests.flows.harness import ADMIN_KEY, Running, running_gateway

FOLDER: Final = Path(__file__).parents[2] / "docs" / "console"
SIZES: Final[dict[str, ViewportSize]] = {
    "desktop": {"width": 1360, "height": 850},
    "phone": {"width": 390, "height": 844},
}
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")

ZONE: Final = "Europe/Berlin"

# How often something is called in each hour of a working day.
BUSY: Final = (1, 0, 0, 0, 1, 1, 3, 6, 10, 13, 12, 9, 7, 11, 12, 10, 8, 6, 4, 3, 2, 2, 1, 1)

# Every page, by the name of its picture; `find_known` knows what stands in braces.
PAGES: Final = {
    "now": "/",
    "calls": "/calls?reveal=true",
    "call": "/calls/{call}?again=1&reveal=true",
    "divide": "/calls/facets",
    "every-rule": "/calls/{call}/rules",
    "hang-up": "/calls/{call}/hangup",
    "transfer": "/calls/{call}/transfer",
    "test": "/test?called=030+23125100&caller=%2B442079460123&headers=X-Customer-Tier%3A+silver",
    "test-draft": f"/test?called=%2B{SALES[1:]}&caller=%2B442079460123&by=draft",
    "test-every-rule": f"/test/rules?called=%2B{SALES[1:]}&caller=%2B442079460123",
    "rules": "/rules",
    "rules-row": "/rules?edit=sales-uk",
    "rule": "/rules/best-customers",
    "rule-new": "/rules/new",
    "draft": "/draft",
    "replay": "/draft/replay",
    "revisions": "/revisions",
    "revision": "/revisions/2?before=1",
    "profiles": "/profiles",
    "profile": "/profiles/sales",
    "profile-json": "/profiles/sales?as=json",
    "profile-new": "/profiles/new",
    "calendars": "/calendars",
    "calendar": "/calendars/office",
    "calendar-closed": "/calendars/office?week=2026-12-24",
    "calendar-new": "/calendars/new",
    "lists": "/lists",
    "list": "/lists/blocked",
    "list-new": "/lists/new",
    "list-import": "/lists/blocked/import",
    "list-look": "/lists/blocked/import/{upload}",
    "overrides": "/overrides",
    "deliveries": "/deliveries",
    "delivery": "/deliveries/{delivery}",
    "refused": "/deliveries/refused",
    "endpoints": "/endpoints",
    "outbox": "/outbox",
    "subscribers": "/subscribers",
    "nodes": "/nodes",
    "keys": "/keys",
    "revoke": "/keys/{key}/revoke",
    "audit": "/audit",
}

# What a page shows once something was done on it.
DONE: Final = {"rule-tried": "/rules/best-customers"}

# Taken last, while a revision waits for confirmation, of which every page tells.
WAITING: Final = {"waiting": "/revisions"}

# Those that are shown to their end; of the others the first screen tells enough.
WHOLE: Final = {"call", "test", "draft", "rule"}

# A file with a line that is no number.
NUMBERS: Final = b"number\n+15550009999\n+15550008888\nKim's desk\n"


async def ring(running: Running, count: int = 45) -> str:
    """Let the demo's callers ring; a call that was answered after two refusals."""
    cast = list(islice(callers(Random(5)), count))
    for one in cast:
        await running.dialer.ring(one.call_id, one.invite, one.scenario)
        if one.expected.states:
            await running.settled(one.call_id)
    return next(one.call_id for one in cast if one.scenario.name == "accept-503-twice")


def earlier_today(database: Database) -> None:
    """The hours before this one in the statistics: what was just called, so often as it is called on a working day."""
    now = SystemClock().now() // HOUR * HOUR
    sums = [column.name for column in hourly.columns if not column.primary_key]
    with database.transaction() as connection:
        for hour in range(now - 23 * HOUR, now, HOUR):
            often = BUSY[to_datetime(hour).astimezone(ZoneInfo(ZONE)).hour]
            changed = {"hour": str(hour)} | {name: f"{name} * {often}" for name in sums}
            copied = ", ".join(changed.get(column.name, column.name) for column in hourly.columns)
            connection.execute(text(f"INSERT INTO hourly SELECT {copied} FROM hourly WHERE hour = {now}"))


async def publish_again(running: Running, document: dict[str, Any], base: int, **query: str) -> None:
    """Another revision, so that there is something to compare and to go back to."""
    rules = [rule for rule in document["rules"] if rule["id"] != "munich"]
    doubtful = {"id": "sales-vip", "when": {"called": SALES, "caller": "+4930*"}, "then": {"accept": "concierge"}}
    changed = {**document, "rules": [*rules, doubtful], "expect": document["expect"][:1]}
    answer = await running.client.put("/rulebook", json=changed, params=query, headers={"if-match": f'"{base}"'})
    assert answer.status_code == 200, answer.text


async def close_the_line(running: Running) -> None:
    """An override, which every page tells of."""
    until = to_rfc3339(SystemClock().now() + 7_200_000_000)
    override = {
        "when": {"called": "+493023125400"},
        "then": {"reject": 480},
        "until": until,
        "reason": "Billing's archive is moving; back this afternoon",
    }
    answer = await running.client.post("/overrides", json=override)
    assert answer.status_code == 201, answer.text


async def find_known(page: Page, running: Running, call: str) -> dict[str, str]:
    """What stands in the addresses of pages: a call, a delivery, a key, and a file of numbers that was sent."""
    key = await running.client.post("/keys", json={"name": "a lost laptop", "role": "viewer"})
    await page.goto(f"{running.url}/deliveries")
    delivery = await page.locator("#found td a").first.get_attribute("href") or ""
    await page.goto(f"{running.url}/lists/blocked/import")
    await page.get_by_label("File").set_input_files({"name": "numbers.csv", "mimeType": "text/csv", "buffer": NUMBERS})
    await page.get_by_role("button", name="Read the file").click()
    await page.get_by_role("heading", name="What the file says").wait_for()
    upload = page.url.rpartition("/")[2]
    return {"call": call, "delivery": delivery.rpartition("/")[2], "key": key.json()["id"], "upload": upload}


async def try_a_call(page: Page) -> None:
    """Test a call beside the editor of a rule."""
    beside = page.get_by_role("form", name="Test a call")
    await beside.get_by_label("Calls to").fill(SALES)
    await beside.get_by_label("From", exact=True).fill("+33199001777")
    await beside.get_by_role("button", name="What happens?").click()
    await page.locator("#trial-verdict").wait_for()


async def visit(page: Page, url: str, name: str, known: Mapping[str, str]) -> None:
    """Go to a page, and do what has to be done there."""
    await page.goto(url + {**PAGES, **WAITING, **DONE}[name].format(**known))
    if name in DONE:
        await try_a_call(page)


async def draft(page: Page, url: str) -> None:
    """Some changes that nobody has published."""
    await page.goto(f"{url}/rules")
    await page.get_by_label("Move sales-uk up").click()
    await page.get_by_label("Switch no-number-no-sales off").click()
    await page.get_by_text("Your draft: 2 changes").wait_for()


async def picture(browser: Browser, running: Running, call: str, only: set[str], pages: Collection[str]) -> None:
    """Take every picture of these pages."""
    url, known = running.url, {"call": call}
    for size, viewport in SIZES.items():
        for theme in THEMES:
            context = await browser.new_context(viewport=viewport, color_scheme=theme, timezone_id=ZONE)
            page = await context.new_page()
            if pages is not WAITING and (not only or "sign-in" in only):
                await page.goto(f"{url}/sign-in")
                await page.screenshot(path=FOLDER / f"sign-in-{theme}-{size}.png")
            await sign_in(page, url, ADMIN_KEY)
            if pages is not WAITING and len(known) == 1:
                await draft(page, url)
                known = await find_known(page, running, call)
            for name in pages:
                if not only or name in only:
                    await visit(page, url, name, known)
                    await page.screenshot(
                        path=FOLDER / f"{name}-{theme}-{size}.png", full_page=size == "desktop" and name in WHOLE
                    )
            await context.close()


async def main(only: set[str]) -> None:
    executable = find_chromium()
    if executable is None:
        sys.exit(f"needs a browser: {HINT}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        async with running_gateway(f"sqlite:///{directory}/gateway.db", Path(directory)) as running:
            document = tomllib.loads(DEMO_RULEBOOK.read_text("utf-8"))
            await running.publish(document)
            call = await ring(running)
            earlier_today(running.gateway.database)
            await publish_again(running, document, 1, comment="Munich answers its own calls")
            await close_the_line(running)
            for name, role in (("Kim, analyst", "analyst"), ("deployments", "editor")):
                await running.client.post("/keys", json={"name": name, "role": role})
            async with running_browser(executable) as browser:
                await picture(browser, running, call, only, [*PAGES, *DONE])
                waits = {"confirm_within": "3600", "comment": "Munich on trial"}
                await publish_again(running, {**document, "lists": {}, "rules": document["rules"][1:]}, 2, **waits)
                await picture(browser, running, call, only, WAITING)


if __name__ == "__main__":
    asyncio.run(main(set(sys.argv[1:])))
