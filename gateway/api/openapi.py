"""The API's description for programs, OpenAPI 3.1, at `/openapi.json`: made of the operations themselves, once."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.access.roles import LEAST_ROLE, Permission, Role
from gateway.api.operations import ROOT, Operation
from gateway.descriptions import Described
from gateway.problem_details import MEDIA_TYPE, Kind
from gateway.reading import CSV, JSON, TOML

_Object = dict[str, Any]
_References = Mapping[Any, dict[str, Any]]  # by model and mode; the mode is that of reading or of writing

PATH: Final = "/openapi.json"

# What every operation can answer, besides its own.
_ALWAYS: Final = (Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.INVALID, Kind.UNEXPECTED, Kind.UNAVAILABLE)
_WITH_BODY: Final = (Kind.MALFORMED, Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.MEDIA)

_DESCRIPTION: Final = """\
Decides what happens to ringing calls, and remembers every one.

Errors are problem details (RFC 9457); the types are explained under `x-problems`. Lists are pages of
`{"items": […], "next": cursor or null}`. Times are RFC 3339, in UTC where we tell them. Unknown parameters and fields
are mistakes."""

# Entity tags, quotes included, or `*` for any (RFC 9110 section 8.8.3).
_TAGS: Final = {"type": "string", "format": "entity-tags", "pattern": r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'}

_PROBLEM: Final[_Object] = {
    "type": "object",
    "description": "What is wrong with a request (RFC 9457). Some problems have further members.",
    "required": ["type", "title", "status", "detail", "instance", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Which of `x-problems` it is."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For people: how to mend it."},
        "instance": {"type": "string", "format": "uri", "description": "Names this request; the log has it too."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "format": "json-pointer", "description": "Into what was sent."},
                    "detail": {"type": "string"},
                    "in": {"const": "query", "description": "Where the pointer is about the query, not the body."},
                    "line": {"type": "integer", "description": "Of a file of lines, from 1."},
                    "code": {"type": "string", "description": "Of a mistake in a rulebook."},
                },
            },
        },
    },
}


def openapi_route(operations: Sequence[Operation]) -> Route:
    """The route that serves the description, rendered when it is first asked for."""
    rendered = cache(lambda: msgspec.json.encode(describe(operations)))

    async def show_openapi(request: Request) -> Response:
        content = await asyncio.to_thread(rendered)
        return Response(content, headers={"cache-control": "max-age=300"}, media_type=JSON)

    return Route(PATH, show_openapi)


def describe(operations: Sequence[Operation]) -> _Object:
    """The OpenAPI document."""
    keys, schemas = _schemas(operations)
    paths: dict[str, _Object] = {}
    for operation in operations:
        paths.setdefault(ROOT + operation.path, {})[operation.method.lower()] = _operation(operation, keys, schemas)
    queries = {operation.query.__name__ for operation in operations}  # told as parameters
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SIP call-control gateway",
            "version": version("sip-call-gateway"),
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {**paths, **_OTHER_PATHS},
        "components": {
            "schemas": {**{name: schemas[name] for name in schemas if name not in queries}, "Problem": _PROBLEM},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key, `gw_…`."}},
        },
        "x-problems": {
            kind.slug: {"status": kind.status, "title": kind.title, "description": kind.meaning} for kind in Kind
        },
    }


def _schemas(operations: Iterable[Operation]) -> tuple[_References, dict[str, _Object]]:
    """A reference for every model that the operations name, and the components that these refer to."""
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
    for operation in operations:
        wanted[operation.query, "validation"] = None
        for model in (operation.body, operation.reads):
            if model is not None:
                wanted[model, "validation"] = None
        if operation.answer is not None:
            wanted[operation.answer, "serialization"] = None
    keys, definitions = models_json_schema(
        list(wanted), ref_template="#/components/schemas/{model}", schema_generator=Described
    )
    return keys, definitions.get("$defs", {})


def _operation(operation: Operation, keys: _References, schemas: Mapping[str, _Object]) -> _Object:
    summary, description = operation.description
    query = schemas[keys[operation.query, "validation"]["$ref"].rpartition("/")[2]]
    described: _Object = {
        "operationId": operation.name,
        "tags": [operation.path.split("/")[1]],
        "summary": summary,
        "description": f"{description}\n\n{_demand(operation.may)}".strip(),
        "security": [{"key": []}],
        "parameters": [*_path_parameters(operation), *_query_parameters(query), *_headers(operation)],
        "responses": {**_successes(operation, keys), **_failures(operation)},
    }
    sent = operation.body or operation.reads
    if sent is not None:
        media = operation.media if operation.reads else (JSON,)
        described["requestBody"] = {"required": True, "content": _content(media, keys[sent, "validation"])}
    return described


def _path_parameters(operation: Operation) -> list[_Object]:
    names = re.findall(r"{(\w+)}", operation.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(form: _Object) -> list[_Object]:
    return [
        {
            "name": name,
            "in": "query",
            "required": name in form.get("required", ()),
            "description": schema.get("description", ""),
            "schema": _without_null(schema),
        }
        for name, schema in form.get("properties", {}).items()
    ]


def _without_null(schema: _Object) -> _Object:
    """A query cannot say null; a parameter that may be null may be left out."""
    choices = [choice for choice in schema.get("anyOf", [schema]) if choice != {"type": "null"}]
    kept = {key: value for key, value in schema.items() if key in ("default", "format") and value is not None}
    return {**choices[0], **kept} if len(choices) == 1 else {"anyOf": choices, **kept}


def _headers(operation: Operation) -> list[_Object]:
    headers = []
    if Kind.STALE in operation.problems:
        what = "The `ETag` of what was changed."
        headers.append({"name": "If-Match", "in": "header", "description": what, "schema": _TAGS})
    if _is_conditional(operation):
        what = "The `ETag` of what is known already."
        headers.append({"name": "If-None-Match", "in": "header", "description": what, "schema": _TAGS})
    return headers


def _is_conditional(operation: Operation) -> bool:
    return operation.has_etag and operation.method == "GET"


def _successes(operation: Operation, keys: _References) -> _Object:
    statuses = (operation.status, HTTPStatus.CREATED) if operation.creates else (operation.status,)
    return {str(int(status)): _success(operation, keys, status) for status in statuses}


def _success(operation: Operation, keys: _References, status: int) -> _Object:
    response: _Object = {"description": HTTPStatus(status).phrase}
    if operation.answer is not None:
        media = (JSON,) if operation.reads else operation.media
        response["content"] = _content(media, keys[operation.answer, "serialization"])
    if operation.has_etag:
        response["headers"] = {"ETag": {"description": "The revision, in quotes.", "schema": {"type": "string"}}}
    return response


# Media types whose bodies have no schema of ours.
_FILES: Final = (TOML, CSV, "application/jsonl", "application/vnd.apache.parquet")


def _content(media: Iterable[str], schema: _Object) -> _Object:
    """The content of a body in each of its media types. A file of another form is text to a schema."""
    return {kind: {"schema": {"type": "string"} if kind in _FILES else schema} for kind in media}


def _demand(permission: Permission) -> str:
    role = LEAST_ROLE[permission]
    more = "" if role is list(Role)[-1] else " or more"
    return f"Demands the permission `{permission}`: the role {role}{more}."


def _failures(operation: Operation) -> _Object:
    kinds = [*_ALWAYS, *operation.problems]
    if operation.body or operation.reads:
        kinds += _WITH_BODY
    if Kind.STALE in operation.problems or _is_conditional(operation):
        kinds.append(Kind.MALFORMED)  # a broken list of tags
    if "{" in operation.path:
        kinds.append(Kind.NOT_FOUND)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    failures: _Object = {}
    if _is_conditional(operation):
        failures["304"] = {"description": "What is known already is still right."}
    for kind in sorted(dict.fromkeys(kinds), key=lambda kind: kind.status):
        told = failures.setdefault(str(kind.status), {"description": "", "content": content})
        told["description"] = f"{told['description']} {kind.title.capitalize()}.".strip()
    return failures


def _machine_path(summary: str, answers: Mapping[int, str], media: str = JSON) -> _Object:
    content = {media: {"schema": {"type": "object"} if media == JSON else {"type": "string"}}}
    responses = {str(status): {"description": what, "content": content} for status, what in answers.items()}
    return {"get": {"tags": ["operation"], "summary": summary, "security": [], "responses": responses}}


_OTHER_PATHS: Final[_Object] = {
    "/webhooks/{endpoint}": {
        "post": {
            "tags": ["webhooks"],
            "summary": "Take a signed event (Standard Webhooks)",
            "description": "The answer has no body. Only 503 asks for a repetition.",
            "security": [],
            "parameters": [
                {"name": name, "in": "header", "required": True, "schema": {"type": "string", "pattern": pattern}}
                for name, pattern in (
                    ("webhook-id", r"^[!-\-/-~]{1,256}$"),
                    ("webhook-timestamp", r"^[0-9]{1,12}$"),
                    ("webhook-signature", r"^v1,[!-~]+( v1,[!-~]+)*$"),
                )
            ]
            + [{"name": "endpoint", "in": "path", "required": True, "schema": {"type": "string"}}],
            "requestBody": {"required": True, "content": {JSON: {"schema": {"type": "object"}}}},
            "responses": {
                "200": {"description": "Stored, or known already, or none of our business"},
                "400": {"description": "Broken headers"},
                "401": {"description": "The signature or the time is wrong"},
                "404": {"description": "No such endpoint"},
                "408": {"description": "The body did not arrive in time"},
                "413": {"description": "Larger than 256 KiB"},
                "415": {"description": "Not plain JSON"},
                "503": {"description": "Not stored; try again after `Retry-After` seconds"},
            },
        }
    },
    "/healthz": _machine_path("Does the process live", {200: "It does"}),
    "/readyz": _machine_path("Can it take calls", {200: "It can", 503: "It cannot; the body says why"}),
    "/metrics": _machine_path("Prometheus metrics", {200: "In the text format"}, "text/plain"),
    PATH: _machine_path("This document", {200: "OpenAPI 3.1"}),
}
