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

from playwright.async_api import Browser, ViewportSize

from gateway.emulator.callers import DEMO_RULEBOOK, callers
from tests.browser import HINT, find_chromium, running_browser, sign_in
from tests.flows.harness import ADMIN_KEY, Running, running_gateway

FOLDER: Final = Path(__file__).parents[2] / "docs" / "console"
SIZES: Final[dict[str, ViewportSize]] = {
    "desktop": {"width": 1360, "height": 850},
    "phone": {"width": 390, "height": 844},
}
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")

# Every page, by the name of its picture. {call} is a call that met trouble on its way.
PAGES: Final = {
    "now": "/",
    "calls": "/calls",
    "call": "/calls/{call}?again=1",
    "test": "/test?called=030+23125100&caller=%2B442079460123&headers=X-Customer-Tier%3A+silver",
}


async def ring(running: Running, count: int = 45) -> str:
    """Let the demo's callers ring; a call that was answered after two refusals."""
    cast = list(islice(callers(Random(5)), count))
    for one in cast:
        await running.dialer.ring(one.call_id, one.invite, one.scenario)
        if one.expected.states:
            await running.settled(one.call_id)
    return next(one.call_id for one in cast if one.scenario.name == "accept-503-twice")


async def picture(browser: Browser, url: str, known: dict[str, Any], only: set[str]) -> None:
    """Take every picture."""
    for size, viewport in SIZES.items():
        for theme in THEMES:
            context = await browser.new_context(viewport=viewport, color_scheme=theme, timezone_id="Europe/Berlin")
            page = await context.new_page()
            if not only or "sign-in" in only:
                await page.goto(f"{url}/sign-in")
                await page.screenshot(path=FOLDER / f"sign-in-{theme}-{size}.png")
            await sign_in(page, url, ADMIN_KEY)
            for name, path in PAGES.items():
                if not only or name in only:
                    await page.goto(url + path.format(**known))
                    await page.screenshot(path=FOLDER / f"{name}-{theme}-{size}.png", full_page=size == "desktop")
            await context.close()


async def main(only: set[str]) -> None:
    executable = find_chromium()
    if executable is None:
        sys.exit(f"needs a browser: {HINT}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        async with running_gateway(f"sqlite:///{directory}/gateway.db", Path(directory)) as running:
            await running.publish(tomllib.loads(DEMO_RULEBOOK.read_text("utf-8")))
            known = {"call": await ring(running)}
            async with running_browser(executable) as browser:
                await picture(browser, running.url, known, only)


if __name__ == "__main__":
    asyncio.run(main(set(sys.argv[1:])))
