"""The audio of a session: what is heard and how it is understood, what is said and how it sounds (FACTS section 5)."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.profiles.part import BY_SHAPE, NULLABLE, TABLE, TEXT, Part, Text
from gateway.profiles.turns import TurnDetection


class Pcm(Part):
    """16-bit PCM, mono, little-endian."""

    type: Literal["audio/pcm"]
    """Always `audio/pcm`."""

    rate: Literal[24000] = 24000
    """Samples a second; only 24,000."""


class Pcmu(Part):
    """G.711 μ-law, the telephone's sound in America and Japan."""

    type: Literal["audio/pcmu"]
    """Always `audio/pcmu`."""


class Pcma(Part):
    """G.711 A-law, the telephone's sound everywhere else."""

    type: Literal["audio/pcma"]
    """Always `audio/pcma`."""


Format = Annotated[Pcm | Pcmu | Pcma, Field(discriminator="type")]


class NoiseReduction(Part):
    """Filters noise before anything else listens."""

    type: Literal["near_field", "far_field"] | None = None
    """`near_field` for a receiver held to the mouth or a headset, `far_field` for a speakerphone."""

    strength: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Higher values suppress more; 1 unless set."""


class Transcription(Part):
    """Writes down what the caller says, beside the model, which hears the sound itself."""

    model: Text | None = None
    """The transcription model: `gpt-transcribe`, `gpt-live-transcribe` or `gpt-realtime-whisper`."""

    language: Text | None = None
    """The language spoken, ISO 639-1: `de`."""

    languages: list[Text] | None = None
    """The languages that may be spoken; with `gpt-transcribe` and `gpt-live-transcribe`."""

    keywords: list[Text] | None = None
    """Words that are likely to be said, such as product names; with the same models."""

    prompt: Text | None = None
    """Words that guide the style; not with `gpt-realtime-whisper`."""

    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """How long to wait before writing; longer is more accurate. With `gpt-realtime-whisper` only."""


class Input(Part):
    """What is heard."""

    format: Format | None = None
    """How the sound is encoded. Not sent on phone calls, where the line negotiates it."""

    noise_reduction: Annotated[NoiseReduction, NULLABLE] = None  # type: ignore[assignment]  # null is allowed too
    """Noise reduction; off unless set."""

    transcription: Annotated[Transcription, NULLABLE] = None  # type: ignore[assignment]
    """Transcription; off unless set."""

    turn_detection: Annotated[TurnDetection, NULLABLE] = None  # type: ignore[assignment]
    """Who notices that the caller has finished; `off`: nobody, so the model speaks only when it is told to."""


class CustomVoice(Part):
    """A voice made from a recording."""

    id: Text
    """Its id: `voice_…`."""


Voice = Annotated[Annotated[Text, TEXT] | Annotated[CustomVoice, TABLE], BY_SHAPE]


class Output(Part):
    """What is said."""

    format: Format | None = None
    """How the sound is encoded. Not sent on phone calls, where the line negotiates it."""

    voice: Voice | None = None
    """The voice: `marin` and `cedar` are the best, or a table with the `id` of a voice of your own."""

    speed: float | None = Field(None, ge=0.25, le=1.5)
    """How fast it is played, 0.25 to 1.5; 1 unless set."""


class Audio(Part):
    """What is heard and what is said."""

    input: Input | None = None
    """What is heard."""

    output: Output | None = None
    """What is said."""


class TranscriptionAudio(Part):
    """What is heard; a transcription session says nothing."""

    input: Input | None = None
    """What is heard."""
