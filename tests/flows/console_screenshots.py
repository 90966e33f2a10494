"""Pictures of every page of the console, light and dark, on a desktop and on a phone.

    python -m tests.flows.console_screenshots [PAGE …]

A gateway with the demo's rules takes some calls first; the pictures go to docs/console/.
"""

import asyncio
import sys
import tempfile
import tomllib
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

# Every page, by the name of its picture. {call} is a call that met trouble on its way.
PAGES: Final = {
    "now": "/",
    "calls": "/calls?reveal=true",
    "call": "/calls/{call}?again=1&reveal=true",
    "divide": "/calls/facets",
    "every-rule": "/calls/{call}/rules",
    "hang-up": "/calls/{call}/hangup",
    "transfer": "/calls/{call}/transfer",
    "test": "/test?called=030+23125100&caller=%2B442079460123&headers=X-Customer-Tier%3A+silver",
    "rules": "/rules",
    "rules-row": "/rules?edit=sales-uk",
    "rule": "/rules/best-customers",
    "rule-new": "/rules/new",
    "draft": "/draft",
    "revisions": "/revisions",
    "revision": "/revisions/2?before=1",
    "profiles": "/profiles",
    "profile": "/profiles/sales",
    "profile-json": "/profiles/sales?as=json",
    "calendars": "/calendars",
    "calendar": "/calendars/office",
    "lists": "/lists",
    "list": "/lists/blocked",
    "list-import": "/lists/blocked/import",
    "overrides": "/overrides",
    "deliveries": "/deliveries",
    "refused": "/deliveries/refused",
    "endpoints": "/endpoints",
    "outbox": "/outbox",
    "subscribers": "/subscribers",
    "nodes": "/nodes",
    "keys": "/keys",
    "audit": "/audit",
}

# Taken last, while a revision waits for confirmation, of which every page tells.
WAITING: Final = {"waiting": "/revisions"}

# Those that are shown to their end; of the others the first screen tells enough.
WHOLE: Final = {"call", "test", "draft", "rule"}


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


async def draft(page: Page, url: str) -> None:
    """Some changes that nobody has published."""
    await page.goto(f"{url}/rules")
    await page.get_by_label("Move sales-uk up").click()
    await page.get_by_label("Switch no-number-no-sales off").click()
    await page.get_by_text("Your draft: 2 changes").wait_for()


async def picture(browser: Browser, url: str, known: dict[str, Any], only: set[str], pages: dict[str, str]) -> None:
    """Take every picture of these pages."""
    for size, viewport in SIZES.items():
        for theme in THEMES:
            context = await browser.new_context(viewport=viewport, color_scheme=theme, timezone_id=ZONE)
            page = await context.new_page()
            if pages is PAGES and (not only or "sign-in" in only):
                await page.goto(f"{url}/sign-in")
                await page.screenshot(path=FOLDER / f"sign-in-{theme}-{size}.png")
            await sign_in(page, url, ADMIN_KEY)
            if pages is PAGES and (size, theme) == ("desktop", "light"):
                await draft(page, url)
            for name, path in pages.items():
                if not only or name in only:
                    await page.goto(url + path.format(**known))
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
            known = {"call": await ring(running)}
            earlier_today(running.gateway.database)
            await publish_again(running, document, 1, comment="Munich answers its own calls")
            await close_the_line(running)
            for name, role in (("Kim, analyst", "analyst"), ("deployments", "editor")):
                await running.client.post("/keys", json={"name": name, "role": role})
            async with running_browser(executable) as browser:
                await picture(browser, running.url, known, only, PAGES)
                waits = {"confirm_within": "3600", "comment": "Munich on trial"}
                await publish_again(running, {**document, "lists": {}, "rules": document["rules"][1:]}, 2, **waits)
                await picture(browser, running.url, known, only, WAITING)


if __name__ == "__main__":
    asyncio.run(main(set(sys.argv[1:])))
