import asyncio
import re
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text

from tests.gateway.api_fixtures import NOW, a_call, given_calls
from tests.gateway.console.test_rules import act, editing
from tests.gateway.console_fixtures import Console, text_of

__all__ = ["editing"]  # a fixture


@asynccontextmanager
async def held_up() -> AsyncIterator[None]:
    """Nothing is compiled meanwhile, so that a replay goes on."""
    gate = threading.Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as threads:
        loop.set_default_executor(threads)
        waiting = loop.run_in_executor(None, gate.wait)
        try:
            yield
        finally:
            gate.set()
            await waiting
            loop.set_default_executor(ThreadPoolExecutor())


def given(console: Console, *names: str, **row: Any) -> None:
    """Calls that were accepted for sales, which the rules of the tests would turn away."""
    given_calls(console.api.database, *(a_call(name, **row) for name in names))


async def replayed(console: Console, path: str = "/draft/replay") -> str:
    """The page once the replay is over, asked for again as it asks itself."""
    while True:
        html = (await console.client.get(path)).text
        if (following := re.search(r'aria-busy="true" hx-get="([^"]+)"', html)) is None:
            return html
        path = following[1]


async def test_a_replay_is_told_while_it_goes_on_and_once_it_is_over(editing: Console) -> None:
    given(editing, "rtc_1")
    await act(editing, "switch:blocked")
    await editing.see("/draft")
    async with held_up():
        html = (await editing.client.get("/draft/replay")).text
        assert "0 of the last 10 000 calls decided again" in text_of(html)
        assert f'hx-get="/draft/replay?until={NOW + 1}"' in html
        assert '<noscript><meta http-equiv="refresh" content="1"></noscript>' in html
        given(editing, "rtc_2", received_at=NOW + 5)
        assert f"?until={NOW + 1}" in (await editing.client.get("/draft/replay")).text  # the same that goes on
    over = await replayed(editing, f"/draft/replay?until={NOW + 1}")
    assert "1 of the last 1 calls would go elsewhere." in text_of(over)
    assert "hx-get" not in over
    assert "refresh" not in over

    assert "2 of the last 2 calls" in text_of(await replayed(editing))
    assert "2 of the last 2 calls" in text_of(await replayed(editing, f"/draft/replay?until={10**18}"))


async def test_where_nobody_has_called_yet_a_replay_says_so(editing: Console) -> None:
    await act(editing, "switch:blocked")
    await editing.see("/draft")
    assert "No calls yet" in text_of(await replayed(editing))


async def test_a_replay_of_a_draft_that_was_changed_is_given_up(editing: Console) -> None:
    given(editing, "rtc_1", called="+493023125100")
    await act(editing, "switch:blocked")
    await editing.see("/draft")
    assert "None of the last 1 calls" in text_of(await replayed(editing))
    await act(editing, "switch:sales")
    await editing.see("/draft")
    async with held_up():
        await editing.see("/draft/replay")
        await editing.send("/draft/undo", {"back": "/draft"})
    assert "None of the last 1 calls" in text_of(await replayed(editing))
    await act(editing, "switch:sales")
    assert "1 of the last 1 calls" in text_of(await replayed(editing))


async def test_each_call_that_would_go_elsewhere_can_be_looked_at(editing: Console) -> None:
    names = [f"rtc_{number}" for number in range(60)]
    given(editing, *names)
    await act(editing, "switch:blocked")
    first = await replayed(editing)
    assert "1 to 50 of 60" in text_of(first)
    (older,) = re.findall(r'href="([^"]+)" rel="next"', first)
    second = await replayed(editing, older.replace("&amp;", "&"))
    assert "51 to 60 of 60" in text_of(second)
    assert sorted(re.findall(r'href="/calls/(rtc_\d+)"', first + second)) == sorted(names)


async def test_a_draft_with_mistakes_is_not_replayed(editing: Console) -> None:
    await act(editing, "switch:blocked")
    await act(editing, "delete:sales")
    document = (await editing.api.client.get("/api/v1/rulebook")).json()
    rules = [rule for rule in document["rules"] if rule["id"] != "sales"]
    headers = {"if-match": f'"{document["revision"]}"'}
    answer = await editing.api.client.put("/api/v1/rulebook", json={**document, "rules": rules}, headers=headers)
    assert answer.status_code == 200
    answer = await editing.client.get("/draft/replay")
    assert (answer.status_code, answer.headers["location"]) == (303, "/draft")


async def test_a_replay_that_broke_off_says_so_and_begins_anew(editing: Console) -> None:
    given(editing, "rtc_1")
    await act(editing, "switch:blocked")
    with editing.api.database.transaction() as connection:
        connection.execute(text("ALTER TABLE call_facts RENAME TO lost_facts"))
    while (answer := await editing.client.get("/draft/replay")).status_code == 200:
        assert "aria-busy" in answer.text
    assert answer.status_code == 503
    with editing.api.database.transaction() as connection:
        connection.execute(text("ALTER TABLE lost_facts RENAME TO call_facts"))
    assert "1 of the last 1 calls" in text_of(await replayed(editing))


@pytest.mark.parametrize("over", [True, False])
async def test_what_goes_on_is_given_up_when_the_gateway_stops(editing: Console, over: bool) -> None:
    given(editing, "rtc_1")
    await act(editing, "switch:blocked")
    await editing.see("/draft")
    if over:
        await replayed(editing)
    async with held_up():
        await editing.see("/draft/replay")
        await editing.context.replays.stop()
