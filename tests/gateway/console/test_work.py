import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from starlette.responses import Response
from starlette.routing import Route

from gateway.console.assets import Assets
from gateway.console.door import Page, PageDoor, View
from gateway.console.rendering import Renderer
from gateway.console.sign_in import SignIn
from gateway.console.visit import Visit, go_to
from gateway.console.work import Step, Work
from gateway.problem_details import Kind
from tests.gateway.console_fixtures import HOST, Console

Steps = AsyncIterator[Step | View | Response]


async def goes_well() -> Steps:
    yield Step(told="Counting", done=1, of=2)
    yield go_to("/lists", "Counted: 2, “all”.")


async def is_refused() -> Steps:
    yield Step(told="Counting", done=1, of=2)
    raise Kind.FORBIDDEN.error("somebody else counted")


async def has_a_defect() -> Steps:
    yield Step(told="Counting", done=1, of=2)
    raise RuntimeError("miscounted")


async def ends_in_nothing() -> Steps:
    yield Step(told="Counting", done=1, of=2)


async def ask(console: Console, steps: Steps, accept: str = "application/jsonl, text/html") -> httpx.Response:
    """What a page with this work answers."""

    async def work(visit: Visit) -> Work[View | Response]:
        return Work(steps=steps)

    context = console.context
    sign_in = SignIn(database=context.database, journal=context.journal, guard=context.guard, clock=context.clock)
    renderer = Renderer(Assets(), context.current, context.clock)
    door = PageDoor(sign_in, renderer, context.database, [Page("GET", "/work", None, work)])
    transport = httpx.ASGITransport(app=Route("/work", door))
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers={"accept": accept}) as client:
        return await client.get("/work")


async def test_steps_come_line_by_line_and_lead_on(console: Console) -> None:
    answer = await ask(console, goes_well())
    step, last = [json.loads(line) for line in answer.text.splitlines()]
    assert step == {"told": "Counting", "done": 1, "of": 2}
    assert last == {"go": "/lists", "notice": "Counted%3A%202%2C%20%E2%80%9Call%E2%80%9D."}
    assert answer.headers["cache-control"] == "no-store"


async def test_without_scripts_the_form_is_answered_once(console: Console) -> None:
    answer = await ask(console, goes_well(), "text/html")
    assert (answer.status_code, answer.headers["location"]) == (303, "/lists")


@pytest.mark.parametrize(
    ("steps", "told"), [(is_refused, "somebody else counted"), (has_a_defect, "This is our fault")]
)
async def test_an_error_on_the_way_ends_in_its_page(console: Console, steps: Callable[[], Steps], told: str) -> None:
    answer = await ask(console, steps())
    step, last = [json.loads(line) for line in answer.text.splitlines()]
    assert step["done"] == 1
    assert told in last["page"]
    assert told in (await ask(console, steps(), "text/html")).text


async def test_work_without_an_answer_is_a_defect_of_ours(console: Console) -> None:
    assert (await ask(console, ends_in_nothing(), "text/html")).status_code == 500
