import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.access.guard import Guard, caller_of
from gateway.access.roles import Permission, Role
from gateway.answering import Answer, answer
from gateway.api.operations import ROOT, Operation, routes
from gateway.errors import DatabaseUnavailable
from gateway.reading import Form
from tests.gateway.api_fixtures import ADMIN_KEY, Api


class Wish(Form):
    count: int = Field(1, ge=1)


class Order(Form):
    dish: str


class Served(Answer):
    dish: str
    count: int
    guest: str


class Kitchen:
    """A handler of each sort."""

    async def cook(self, request: Request, query: Wish, body: Order) -> Response:
        """Cook a dish.

        As often as wished.
        """
        guest = caller_of(request).name
        return answer(Served(dish=body.dish, count=query.count, guest=guest), 201)

    async def smell(self, request: Request) -> Response:
        """Smell."""
        return Response(request.path_params["dish"], media_type="text/plain")

    async def simmer(self, request: Request) -> Response:
        """Simmer for ever."""

        async def steam() -> AsyncIterator[bytes]:
            while True:
                await asyncio.Event().wait()
                yield b""

        return StreamingResponse(steam(), headers={"x-pot": "3"}, media_type="text/plain")

    async def burn(self, request: Request) -> Response:
        """Burn everything."""
        raise ZeroDivisionError("the secret recipe")

    async def close(self, request: Request) -> Response:
        """Close."""
        raise DatabaseUnavailable("disk full at /var/lib")


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    context = api.context
    guard = Guard(database=context.database, journal=context.journal, clock=context.clock, admin_key=ADMIN_KEY)
    kitchen = Kitchen()
    listed = [
        Operation("POST", "/dishes", Permission.PUBLISH, kitchen.cook, answer=Served, status=201),
        Operation("GET", "/dishes/{dish}", Permission.READ_CALLS, kitchen.smell),
        Operation("GET", "/pots", Permission.READ_CALLS, kitchen.simmer),
        Operation("DELETE", "/dishes/{dish}", Permission.PUBLISH, kitchen.burn),
        Operation("GET", "/closed", Permission.READ_CALLS, kitchen.close),
    ]
    transport = httpx.ASGITransport(app=Starlette(routes=routes(guard, listed)))
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway" + ROOT, headers=headers) as client:
        yield client


async def test_a_handler_is_given_what_its_signature_asks_for(client: httpx.AsyncClient) -> None:
    served = await client.post("/dishes?count=2", json={"dish": "soup"})
    assert (served.status_code, served.json()) == (201, {"dish": "soup", "count": 2, "guest": "GATEWAY_ADMIN_KEY"})


async def test_every_answer_carries_the_requests_id(client: httpx.AsyncClient) -> None:
    ids = set()
    for path in ("/dishes/soup", "/closed", "/nowhere", "/dishes"):
        UUID((await client.get(path)).headers["x-request-id"])
        ids.add((await client.get(path)).headers["x-request-id"])
    assert len(ids) == 4


async def test_a_docstring_is_the_description() -> None:
    operation = Operation("POST", "/dishes", Permission.PUBLISH, Kitchen().cook)
    assert (operation.name, operation.description) == ("cook", ("Cook a dish", "As often as wished."))
    assert (operation.query, operation.body) == (Wish, Order)


async def test_a_query_that_nobody_reads_may_hold_nothing(client: httpx.AsyncClient) -> None:
    refused = await client.get("/dishes/soup?debug=1")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/debug")


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        ('{"dish": "soup"}', {"content-type": "text/plain"}, 415),
        ('{"dish": "soup"}', {"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ("{", {"content-type": "application/json"}, 400),
        ('{"dish": 1}', {"content-type": "application/json"}, 422),
        (f'{{"dish": "{"x" * 1_048_576}"}}', {"content-type": "application/json"}, 413),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    client: httpx.AsyncClient, content: str, headers: dict[str, str], status: int
) -> None:
    refused = await client.post("/dishes", content=content, headers=headers)
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")


async def test_a_stranger_cannot_make_us_read_a_body(client: httpx.AsyncClient) -> None:
    read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield b"{}"

    for authorization, status in (("", 401), ("Bearer gw_x", 401)):
        request = client.build_request("POST", "/dishes", content=body(), headers={"authorization": authorization})
        refused = await client.send(request)
        assert refused.status_code == status
    assert not read


async def test_a_method_that_an_address_lacks_is_refused_with_those_it_has(client: httpx.AsyncClient) -> None:
    refused = await client.put("/dishes/soup", headers={"authorization": ""})
    assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, GET, HEAD")
    assert (await client.get("/dishes")).headers["allow"] == "POST"
    assert (await client.options("/dishes")).status_code == 405


async def test_head_answers_as_get_does(client: httpx.AsyncClient) -> None:
    got, head = await client.get("/dishes/soup"), await client.head("/dishes/soup")
    assert (head.status_code, head.headers["content-length"]) == (200, got.headers["content-length"])


async def test_head_does_not_begin_a_stream_that_may_never_end(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(10):
        head = await client.head("/pots")
    assert (head.status_code, head.headers["content-type"], head.headers["x-pot"]) == (
        200,
        "text/plain; charset=utf-8",
        "3",
    )
    assert "content-length" not in head.headers


@pytest.mark.parametrize("path", ["/nowhere", "", "/", "/dishes/soup/salt", "/Dishes", "/dishes/", "/dishes/a%00b"])
async def test_an_address_without_a_door_is_a_problem_too(client: httpx.AsyncClient, path: str) -> None:
    missing = await client.get(f"http://gateway{ROOT}{path}")
    assert (missing.status_code, missing.json()["title"]) == (404, "not found")


async def test_an_unexpected_error_tells_the_client_nothing(client: httpx.AsyncClient) -> None:
    failed = await client.delete("/dishes/soup")
    assert failed.status_code == 500
    assert "secret" not in failed.text
    assert failed.json()["instance"].removeprefix("urn:uuid:") == failed.headers["x-request-id"]


async def test_a_failing_database_asks_the_client_to_try_again(client: httpx.AsyncClient) -> None:
    failed = await client.get("/closed")
    assert (failed.status_code, failed.headers["retry-after"]) == (503, "2")
    assert "/var/lib" not in failed.text


async def test_a_client_that_leaves_is_not_answered(api: Api) -> None:
    context = api.context
    guard = Guard(database=context.database, journal=context.journal, clock=context.clock, admin_key=ADMIN_KEY)
    (door, *_) = routes(guard, [Operation("POST", "/dishes", Permission.PUBLISH, Kitchen().cook)])
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{ROOT}/dishes",
        "path_params": {},
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {ADMIN_KEY}".encode()), (b"content-type", b"application/json")],
    }
    await door.handle(scope, receive, send)
    assert sent == []


async def test_a_permission_is_demanded_before_anything_is_read(client: httpx.AsyncClient, api: Api) -> None:
    viewer: dict[str, Any] = api.as_(Role.VIEWER)
    refused = await client.post("/dishes?nonsense=1", content=b"{", headers=viewer)
    assert (refused.status_code, refused.json()["permission"]) == (403, "rulebook:write")
