"""Functions that a profile may hand to the model and that the gateway itself carries out, through the sideband.

Their definitions go into the session as any other function's. Where a caller may be transferred to is the rulebook's
word and never the model's: it chooses among names.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

TRANSFER: Final = "transfer_call"
HANG_UP: Final = "hang_up"
NOTE: Final = "send_note"


def functions_of(tools: Collection[str], transfers: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The definitions of these gateway tools; unknown names are left out."""
    return [_define(name, transfers) for name in (TRANSFER, HANG_UP, NOTE) if name in tools]


def _define(name: str, transfers: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    description, properties = _DEFINITIONS[name]
    if name == TRANSFER:
        properties = {"target": {"type": "string", "enum": list(transfers), "description": "To whom."}}
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    }


_DEFINITIONS: Final[Mapping[str, tuple[str, dict[str, Any]]]] = {
    TRANSFER: ("Transfer the caller to a person. Tell the caller first. This ends your part of the call.", {}),
    HANG_UP: ("End the call. Say goodbye first.", {}),
    NOTE: (
        "Leave a note about this call for the people who look after it.",
        {"text": {"type": "string", "description": "The note, in a sentence or two."}},
    ),
}
