"""Turn detection: how the upstream notices that the caller begins or has finished to speak (FACTS section 5)."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.profiles.part import Part


class Turns(Part):
    """What every way to detect turns has."""

    create_response: bool | None = None
    """Whether the model answers by itself when the caller has finished; true unless set."""

    interrupt_response: bool | None = None
    """Whether the model falls silent when the caller begins; true unless set."""


class ServerVad(Turns):
    """By loudness and pauses."""

    type: Literal["server_vad"]
    """Always `server_vad`."""

    threshold: float | None = Field(None, ge=0, le=1)
    """How loud speech must be, 0 to 1; 0.5 unless set. Higher in noisy places."""

    prefix_padding_ms: int | None = Field(None, ge=0)
    """Sound to keep from before speech was noticed, in milliseconds; 300 unless set."""

    silence_duration_ms: int | None = Field(None, ge=0)
    """Silence that ends the caller's turn, in milliseconds; 500 unless set."""

    idle_timeout_ms: int | None = Field(None, ge=1)
    """After this long without a word the model speaks by itself, in milliseconds; never unless set."""


class SemanticVad(Turns):
    """By what is said: somebody who trails off is given more time."""

    type: Literal["semantic_vad"]
    """Always `semantic_vad`."""

    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    """How soon to answer: `low` waits up to 8 s, `medium` 4 s, `high` 2 s; `auto`, unless set, is `medium`."""


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]
