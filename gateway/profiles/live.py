"""What a profile says for the Live API alone: its table `live`, for calls of endpoints whose `surface` is live.

Instructions and voice are the profile's own unless they stand here too; what a Live session has beside them is here.
Field by field this is OpenAI's `SessionAcceptParams` (SDK 3.52), with `extra` for what is newer. What Live hands on to
other models (`delegation`, `triggers`) is checked by its kind only.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.profiles.audio import CustomVoice
from gateway.profiles.part import BY_SHAPE, NULLABLE, TABLE, TEXT, Part, Text


class LiveOutput(Part):
    """What is said."""

    voice: Annotated[Annotated[Text, TEXT] | Annotated[CustomVoice, TABLE], BY_SHAPE] | None = None
    """A voice's name or its table; `marin` unless set here or in the profile."""


class LiveAudio(Part):
    """The sound; its format is negotiated on a phone call."""

    output: LiveOutput | None = None
    """What is said."""


class ClientDelegation(Part):
    """Whoever is on the sideband carries out tasks."""

    type: Literal["client"]
    """Always `client`."""

    acknowledgement_delay_ms: int | None = Field(None, ge=0)
    """Milliseconds before the model says that it is at it."""


class ResponsesDelegation(Part):
    """The Responses API carries out tasks."""

    type: Literal["responses"]
    """Always `responses`."""

    responses: dict[str, Any]
    """Its model, instructions and tools."""

    acknowledgement_delay_ms: int | None = Field(None, ge=0)
    """Milliseconds before the model says that it is at it."""


class DecisionsDelegation(Part):
    """The Decisions API carries out tasks."""

    type: Literal["decisions"]
    """Always `decisions`."""

    decisions: dict[str, Any]
    """Its configuration."""

    acknowledgement_delay_ms: int | None = Field(None, ge=0)
    """Milliseconds before the model says that it is at it."""


Delegation = Annotated[
    ClientDelegation | ResponsesDelegation | DecisionsDelegation,
    Field(discriminator="type"),
]


class LiveSession(Part):
    """What a profile says for the Live API alone."""

    model: Text | None = None
    """The Live model; `gpt-live-1` unless set."""

    instructions: str | None = None
    """What the model is told, where it is not what the profile says; variables as there."""

    audio: LiveAudio | None = None
    """The voice, where it is not the profile's."""

    delegation: Annotated[Delegation, NULLABLE] = None  # type: ignore[assignment]
    """Who carries out tasks: `client`, `responses` or `decisions`; `off` leaves it to the application."""

    input: list[dict[str, Any]] | None = Field(None, max_length=128)
    """What was said before, up to 128 messages."""

    safety_identifier: Text | None = None
    """A stable name of the caller for the upstream's monitoring; nothing personal."""

    store: bool | None = None
    """Whether the upstream keeps the session and its recording."""

    triggers: list[dict[str, Any]] | None = None
    """Decisions that follow from what is said."""

    extra: dict[str, Any] | None = None
    """Fields that this release does not know, merged into the session."""
