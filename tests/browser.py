"""Debian's chromium, driven by playwright, as tests and the screenshots use it."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page, async_playwright

HINT = "apt-get install --no-install-recommends chromium"

# A browser that speaks to nobody but the page.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
    "--disable-features=OptimizationHints,MediaRouter,Translate",
)


def find_chromium() -> str | None:
    """Where a chromium is installed; None without one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@asynccontextmanager
async def running_browser(executable: str) -> AsyncIterator[Browser]:
    """A browser without a window."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=[*QUIET, *sandbox])
        yield browser
        await browser.close()


async def sign_in(page: Page, url: str, key: str) -> None:
    """Sign in with a key, as a person does."""
    await page.goto(f"{url}/sign-in")
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{url}/")
