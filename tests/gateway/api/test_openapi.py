import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway.api.operations import ROOT
from gateway.app import Gateway, other_doors
from gateway.console.routes import console_routes
from gateway.problem_details import TYPES, Kind
from gateway.settings import Endpoint, Settings
from gateway.webhooks.routes import WEBHOOKS
from tests.conftest import SettableClock
from tests.gateway.api_fixtures import Api, a_call, given_calls, given_events

METHODS = ("get", "post", "put", "delete", "patch")


@pytest.fixture
async def document(api: Api) -> dict[str, Any]:
    shown = await api.client.get("/openapi.json", headers={"authorization": ""})
    assert (shown.status_code, shown.headers["content-type"]) == (200, "application/json")
    described: dict[str, Any] = shown.json()
    return described


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): item[method] for path, item in document["paths"].items() for method in METHODS if method in item
    }


def test_the_description_is_valid_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


async def test_every_route_of_the_application_is_described_and_the_other_way_round(
    document: dict[str, Any], tmp_path: Path, clock: SettableClock
) -> None:
    settings = Settings(endpoints={"openai": Endpoint(name="openai")}, database_url=f"sqlite:///{tmp_path}/x.db")
    gateway = Gateway(settings, clock=clock, on_death=lambda: None)
    try:
        pages = {getattr(route, "path", "") for route in console_routes(gateway.console_context())}
        routed = {getattr(route, "path", "") for route in other_doors(gateway).routes} | {f"{WEBHOOKS}{{endpoint}}"}
    finally:
        await gateway.upstream.close()
        gateway.database.close()
    assert routed - pages - {ROOT, f"{ROOT}/{{rest:path}}"} == set(document["paths"])


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(document: dict[str, Any]) -> None:
    described = [item for (_, path), item in operations(document).items() if path.startswith("/api/")]
    assert len({item["operationId"] for item in described}) == len(described)
    for item in described:
        assert item["summary"]
        assert "Demands the permission" in item["description"]


def test_everything_that_can_be_sent_or_answered_is_explained(document: dict[str, Any]) -> None:
    for (_, path), item in operations(document).items():
        for parameter in item.get("parameters", ()):
            assert parameter.get("description") or parameter["in"] != "query", (path, parameter["name"])
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert {"description", "$ref"} & set(described) or name == "Problem", (name, field)


def test_every_problem_type_points_at_its_explanation(document: dict[str, Any]) -> None:
    path, _, pointer = TYPES.partition("#")
    assert (path, pointer) == ("/openapi.json", "/x-problems/")
    assert {slug: entry["status"] for slug, entry in document["x-problems"].items()} == {
        kind.slug: kind.status for kind in Kind
    }


def test_every_component_is_used(document: dict[str, Any]) -> None:
    text = repr(document)
    for name in document["components"]["schemas"]:
        assert text.count(f"#/components/schemas/{name}'") > 0, name


async def test_answers_are_as_described(api: Api, document: dict[str, Any]) -> None:
    call = given_calls(api.database, a_call("rtc_1"))["rtc_1"]
    given_events(api.database, call, ("arrived", "decided"), ("accept_started", "accepting"))
    rules = [{"id": "all", "then": {"reject": 486}}, {"id": "never", "then": {"reject": 603}}]
    exchanges: list[tuple[str, str, dict[str, Any]]] = [
        ("put", "/rulebook", {"json": {"rules": rules}, "headers": {"if-match": '"0"'}}),
        ("get", "/rulebook", {}),
        ("get", "/rulebook/problems", {}),
        ("get", "/rulebook/order", {}),
        ("get", "/rulebook/revisions", {}),
        ("post", "/decide", {"json": {"called": "+15551230000", "headers": {"To": "x"}}}),
        ("post", "/keys", {"json": {"name": "ci", "role": "viewer"}}),
        ("get", "/keys", {}),
        ("get", "/calls", {}),
        ("get", "/calls/rtc_1", {}),
        ("get", "/calls/rtc_1/events", {}),
        ("get", "/calls?limit=0", {}),
        ("get", "/calls/nobody", {}),
        ("put", "/rulebook", {"json": {}}),
        ("put", "/rulebook", {"json": {"x": 1}, "headers": {"if-match": '"1"'}}),
        ("get", "/keys", {"headers": {"authorization": ""}}),
    ]
    for method, path, sent in exchanges:
        answer = await api.client.request(method, f"/api/v1{path}", **sent)
        template = re.sub("/calls/[^/?]+", "/calls/{call_id}", path.partition("?")[0])
        described = document["paths"][f"/api/v1{template}"][method]["responses"][str(answer.status_code)]
        schema = described["content"][answer.headers["content-type"]]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json())
