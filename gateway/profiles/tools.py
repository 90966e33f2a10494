"""Tools that the model may use: functions and MCP servers, and which of them it must use (FACTS section 5)."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from gateway.profiles.part import BY_SHAPE, LIST, TABLE, TEXT, Part, Text

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a function's name is 1 to 64 letters, digits, '_' or '-'")
    return name


def _check_url(url: str) -> str:
    if not re.match(r"https?://[^/\s]+", url):
        raise ValueError("write a whole address: https://mcp.example.com/mcp")
    return url


class Tool(Part):
    """What every tool has."""

    extra: dict[str, Any] | None = None
    """Fields that this release does not know, sent as they stand."""


class FunctionTool(Tool):
    """A function, called through the sideband by whoever is attached there."""

    type: Literal["function"]
    """Always `function`."""

    name: Annotated[str, AfterValidator(_check_name)]
    """Its name: letters, digits, `_` and `-`."""

    description: str | None = None
    """When and how the model should call it, and what to tell the caller meanwhile."""

    parameters: dict[str, Any] | None = None
    """Its arguments, as a JSON Schema."""


class ToolFilter(Part):
    """Some tools of an MCP server."""

    tool_names: list[Text] | None = None
    """Their names."""

    read_only: bool | None = None
    """Those that say that they only read, or that they do not."""


class Approvals(Part):
    """Which tools need the approval of a client."""

    always: ToolFilter | None = None
    """These do."""

    never: ToolFilter | None = None
    """These do not."""


Connector = Literal[
    "connector_dropbox",
    "connector_gmail",
    "connector_googlecalendar",
    "connector_googledrive",
    "connector_microsoftteams",
    "connector_outlookcalendar",
    "connector_outlookemail",
    "connector_sharepoint",
]

# An MCP server is reached in exactly one of these ways.
_WAYS: Final = ("server_url", "connector_id", "tunnel_id")


class McpTool(Tool):
    """The tools of an MCP server, called by the upstream itself."""

    type: Literal["mcp"]
    """Always `mcp`."""

    server_label: Text
    """What the server is called in tool calls."""

    server_url: Annotated[str, AfterValidator(_check_url)] | None = None
    """Its address; or give `connector_id` or `tunnel_id`."""

    connector_id: Connector | None = None
    """A connector of the upstream's; not for models released after 2026-09-01."""

    tunnel_id: Text | None = None
    """A secure MCP tunnel."""

    authorization: Text | None = None
    """An OAuth access token for the server. Everyone who may read the rulebook can read it."""

    headers: dict[str, str] | None = None
    """HTTP headers for the server."""

    allowed_tools: Annotated[Annotated[list[Text], LIST] | Annotated[ToolFilter, TABLE], BY_SHAPE] | None = None
    """The tools that may be used: their names, or a filter; all unless set."""

    require_approval: (
        Annotated[Annotated[Literal["always", "never"], TEXT] | Annotated[Approvals, TABLE], BY_SHAPE] | None
    ) = None
    """Whether a client must approve each call. On a phone call nobody is there to do it: `never`."""

    server_description: Text | None = None
    """What the server is for."""

    allowed_callers: list[Literal["direct", "programmatic"]] | None = None
    """In which contexts the tools may be called."""

    defer_loading: bool | None = None
    """Whether the tools are found by search, and not listed at the beginning."""

    @model_validator(mode="after")
    def _one_way(self) -> "McpTool":
        given = [way for way in _WAYS if getattr(self, way) is not None]
        if len(given) != 1:
            found = "none is given" if not given else f"{' and '.join(given)} are given"
            raise PydanticCustomError(
                "one_of",
                "an MCP server needs exactly one of server_url, connector_id and tunnel_id; {found}",
                {"found": found},
            )
        return self


AnyTool = Annotated[FunctionTool | McpTool, Field(discriminator="type")]


class ChosenFunction(Part):
    """That function."""

    type: Literal["function"]
    """Always `function`."""

    name: Text
    """Its name in `tools`."""


class ChosenMcp(Part):
    """A tool of that MCP server."""

    type: Literal["mcp"]
    """Always `mcp`."""

    server_label: Text
    """The server's label in `tools`."""

    name: Text | None = None
    """The tool; any of the server's unless set."""


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], TEXT]
    | Annotated[Annotated[ChosenFunction | ChosenMcp, Field(discriminator="type")], TABLE],
    BY_SHAPE,
]
