"""What holds for every operation of the API, whatever it does."""

import re
from typing import Any

import pytest
from starlette.routing import Route

from gateway.access.roles import Role, may
from gateway.api.openapi import describe
from gateway.api.operations import ROOT, Operation
from gateway.api.routes import api_routes, operations
from tests.gateway.api_fixtures import Api


@pytest.fixture
def listed(api: Api) -> list[Operation]:
    return operations(api.context)


def address(operation: Operation) -> str:
    return ROOT + re.sub(r"{\w+}", "unknown", operation.path)


async def ask(api: Api, operation: Operation, query: str = "", **sent: Any) -> Any:
    if operation.name == "stream_calls":  # which would never end its answer
        sent["headers"] = {**sent.get("headers", {}), "last-event-id": "none"}
    return await api.client.request(operation.method, address(operation) + query, **sent)


def test_every_operation_has_a_route_and_a_description(api: Api, listed: list[Operation]) -> None:
    routed = {route.path for route in api_routes(api.context) if isinstance(route, Route)}
    described = describe(listed)["paths"]
    for operation in listed:
        assert ROOT + operation.path in routed
        assert operation.method.lower() in described[ROOT + operation.path]


async def test_no_operation_is_for_strangers(api: Api, listed: list[Operation]) -> None:
    for operation in listed:
        refused = await ask(api, operation, headers={"authorization": ""})
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer"), operation.name
        refused = await ask(api, operation, headers={"authorization": "Bearer gw_wrong"})
        assert refused.status_code == 401, operation.name


async def test_every_operation_demands_its_permission(api: Api, listed: list[Operation]) -> None:
    for role in Role:
        bearer = api.as_(role)
        for operation in listed:
            answer = await ask(api, operation, headers=bearer)
            assert (answer.status_code == 403) is not may(role, operation.may), (role, operation.name)


async def test_no_operation_takes_a_parameter_that_it_does_not_know(api: Api, listed: list[Operation]) -> None:
    for operation in listed:
        refused = await ask(api, operation, "?verbose=1")
        assert refused.status_code == 422, operation.name
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/verbose"], operation.name


async def test_no_operation_reads_a_body_of_an_unknown_kind(api: Api, listed: list[Operation]) -> None:
    reading = [operation for operation in listed if operation.body or operation.reads]
    assert {operation.name for operation in reading} == {
        *("publish_rulebook", "decide", "replay", "create_key", "change_rulebook", "create_rule", "put_rule"),
        *("put_profile", "put_calendar", "put_list", "create_client_secret", "upgrade_profile", "refer_call"),
        "add_override",
    }
    for operation in reading:
        refused = await ask(api, operation, content=b"x", headers={"content-type": "text/html"})
        assert (refused.status_code, "application/json" in refused.headers["accept"]) == (415, True), operation.name


async def test_every_address_refuses_other_methods(api: Api, listed: list[Operation]) -> None:
    for operation in listed:
        refused = await api.client.request("PATCH", address(operation))
        assert refused.status_code == 405
        assert operation.method in refused.headers["allow"]
