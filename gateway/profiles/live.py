"""The table `live` of a profile: what only OpenAI's Live surface knows, or takes instead (FACTS section 2).

Closed as far as a session has fields of its own. What a delegate is configured by, and items and triggers, are whole
languages of other APIs: they are passed through as they stand, and the upstream has the word.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.profiles.audio import Voice
from gateway.profiles.part import Part, Text


class LiveOutput(Part):
    """What is said."""

    voice: Voice | None = None
    """The voice, in place of the profile's; Live has more of them."""


class LiveAudio(Part):
    """The sound of a Live session."""

    output: LiveOutput | None = None
    """What is said."""


class Delegation(Part):
    """What every delegate has."""

    acknowledgement_delay_ms: int | None = Field(None, ge=0)
    """How long the model waits for the delegate before it says that it is looking, in milliseconds."""


class ClientDelegation(Delegation):
    """Tasks go to whoever is attached to the sideband."""

    type: Literal["client"]
    """Always `client`."""


class ResponsesDelegation(Delegation):
    """Tasks go to a model of the Responses API."""

    type: Literal["responses"]
    """Always `responses`."""

    responses: dict[str, Any]
    """The delegate, as in the Responses API: `model`, `instructions`, `tools` …"""


class DecisionsDelegation(Delegation):
    """Questions about the conversation go to a model that answers them."""

    type: Literal["decisions"]
    """Always `decisions`."""

    decisions: dict[str, Any]
    """The `model` and its `questions`."""


class Live(Part):
    """What the Live surface takes beside, or instead of, the profile's instructions and voice."""

    model: Text | None = None
    """The Live model; `gpt-live-1` unless set."""

    instructions: str | None = None
    """In place of the profile's; variables likewise."""

    audio: LiveAudio | None = None
    """The voice."""

    delegation: (
        Annotated[ClientDelegation | ResponsesDelegation | DecisionsDelegation, Field(discriminator="type")] | None
    ) = None
    """Who carries out tasks: the Live model itself has no tools."""

    input: list[dict[str, Any]] | None = None
    """What the conversation begins with."""

    triggers: list[dict[str, Any]] | None = None
    """What is asked about the conversation by itself."""

    safety_identifier: Text | None = None
    """A name for the caller that is none: the upstream keeps it to tell abuse apart."""

    store: bool | None = None
    """Whether the upstream keeps the session."""
