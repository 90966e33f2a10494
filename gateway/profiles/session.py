"""The session object as a profile writes it: every field of the upstream's, and the gateway's own beside them.

`type` says which of the two it is: a conversation ("realtime", also where it is left off), or a transcription, which
can be had with an ephemeral key but not on a phone call. Field by field this is OpenAI's `CallAcceptParams` and
`RealtimeTranscriptionSessionCreateRequestParam` (SDK 3.52); a test compares them.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, TypeAdapter

from gateway.descriptions import Described
from gateway.profiles.audio import Audio, TranscriptionAudio
from gateway.profiles.live import LiveSession
from gateway.profiles.part import BY_SHAPE, NULLABLE, NUMBER, TABLE, TEXT, Part, Text
from gateway.profiles.tools import AnyTool, ToolChoice

Include = Literal["item.input_audio_transcription.logprobs"]


class Reasoning(Part):
    """How much the model thinks before it speaks."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """More effort is slower; on the telephone `low` is already noticed."""


class Tracing(Part):
    """How the session appears in the upstream's traces."""

    workflow_name: Text | None = None
    """The name of the workflow."""

    group_id: Text | None = None
    """Groups traces that belong together."""

    metadata: dict[str, Any] | None = None
    """Anything to filter traces by."""


class TokenLimits(Part):
    """How long a conversation may grow."""

    post_instructions: int | None = Field(None, ge=0)
    """Tokens after the instructions and tools."""


class RetentionRatio(Part):
    """Drops more at once, so that what is kept stays cached longer."""

    type: Literal["retention_ratio"]
    """Always `retention_ratio`."""

    retention_ratio: float = Field(ge=0, le=1)
    """The fraction of the conversation to keep, 0 to 1."""

    token_limits: TokenLimits | None = None
    """A limit below the model's own."""


class Prompt(Part):
    """A prompt kept by the upstream. Prompt objects close on 2026-11-30."""

    id: Text
    """Its id: `pmpt_…`."""

    version: Text | None = None
    """Its version; the default one unless set."""

    variables: dict[str, Any] | None = None
    """Values for its variables."""


TargetName = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]


class Silence(Part):
    """What the gateway does when nobody speaks."""

    seconds: int = Field(ge=5, le=600)
    """Without a word from either side, 5 to 600."""

    say: Text | None = None
    """What the model is then to say; without it the call is hung up."""

    times: int = Field(1, ge=1, le=10)
    """How often in a row that is said before the call is hung up, 1 to 10."""


class KeyMeaning(Part):
    """What a key of the caller's telephone does: one of these."""

    transfer: Text | None = None
    """Transfer the caller to the target of this name in `transfers`."""

    hang_up: Literal[True] | None = None
    """End the call."""


class _Profile(Part):
    """What every profile has beside its session."""

    note: str | None = None
    """For people; not sent."""

    extends: Text | None = None
    """Another profile that this one adds to: tables are merged, everything else is replaced."""

    extra: dict[str, Any] | None = None
    """Fields that this release does not know, merged into the session. What it does know cannot be set here."""

    metadata: (
        Annotated[
            dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
        ]
        | None
    ) = None
    """Up to 16 words kept with the call, by names of up to 64 characters; not sent."""

    include: list[Include] | None = None
    """More to tell on the sideband: `item.input_audio_transcription.logprobs`."""


class RealtimeProfile(_Profile):
    """A conversation."""

    type: Literal["realtime"] | None = None
    """`realtime`, also where it is left off."""

    model: Text | None = None
    """The model; on Azure the name of a deployment."""

    instructions: str | None = None
    """What the model is told to be and to do. `{called}`, `{caller_country}`, `{now}`, `{now:Europe/Berlin}`,
    `{caller_in:LIST}` and `{called_in:LIST}` stand for facts of the call."""

    audio: Audio | None = None
    """What is heard and what is said."""

    output_modalities: list[Literal["audio", "text"]] | None = None
    """`["audio"]`, unless set, or `["text"]`, never both. On a phone call text is silence."""

    max_output_tokens: (
        Annotated[Annotated[Literal["inf"], TEXT] | Annotated[Annotated[int, Field(ge=1, le=4096)], NUMBER], BY_SHAPE]
        | None
    ) = None
    """Tokens of one answer, tool calls included, 1 to 4096; `inf` unless set."""

    tools: list[AnyTool] | None = None
    """Tools that the model may use."""

    tool_choice: ToolChoice | None = None
    """`auto`, unless set, `none`, `required`, or the tool that it must use."""

    parallel_tool_calls: bool | None = None
    """Whether the model may call several tools at once; reasoning models only."""

    reasoning: Reasoning | None = None
    """How much it thinks; reasoning models only."""

    truncation: (
        Annotated[
            Annotated[Literal["auto", "disabled"], TEXT] | Annotated[Annotated[RetentionRatio, Field()], TABLE],
            BY_SHAPE,
        ]
        | None
    ) = None
    """What becomes of a conversation that grows too long: `auto`, unless set, `disabled`, or a table."""

    tracing: Annotated[Annotated[Annotated[Literal["auto"], TEXT] | Annotated[Tracing, TABLE], BY_SHAPE], NULLABLE] = (
        None  # type: ignore[assignment]
    )
    """Traces: `auto`, a table, or `off`."""

    prompt: Prompt | None = None
    """A prompt kept by the upstream. Prompt objects close on 2026-11-30: write instructions instead."""

    greeting: Text | None = None
    """What the model says first, before the caller speaks; variables as in `instructions`."""

    max_seconds: int | None = Field(None, ge=1, le=86_400)
    """The call is hung up this long after it was answered, 1 to 86,400; the upstream ends it after an hour anyway."""

    silence: Silence | None = None
    """What the gateway does when nobody speaks; nothing unless set."""

    gateway_tools: list[Literal["transfer_call", "hang_up", "send_note"]] | None = None
    """Functions that the model may call and the gateway carries out. `transfer_call` knows the names in `transfers`."""

    transfers: dict[TargetName, Text | list[Text]] | None = None
    """Where callers may be transferred to during the call, by name: a `tel:` or `sip:` target, or several in order."""

    keys: dict[Annotated[str, Field(pattern=r"^[0-9*#A-D]$")], KeyMeaning] | None = None
    """What the keys of the caller's telephone do: `"0" = { transfer = "operator" }`. Other keys are not kept."""

    transcript: bool | None = None
    """Whether what is said is kept with the call; what the caller says only if `audio.input.transcription` is set."""

    live: LiveSession | None = None
    """What is said for the Live API alone, on endpoints whose `surface` is live."""


class TranscriptionProfile(_Profile):
    """A transcription: only for ephemeral keys."""

    type: Literal["transcription"]
    """Always `transcription`."""

    audio: TranscriptionAudio | None = None
    """What is heard."""


def _kind(profile: Any) -> str | None:
    kind = profile.get("type", "realtime") if isinstance(profile, dict) else "realtime"
    return kind if isinstance(kind, str) else "realtime"  # whose own field then says that it is no text


Profile = Annotated[
    Annotated[RealtimeProfile, Tag("realtime")] | Annotated[TranscriptionProfile, Tag("transcription")],
    Discriminator(_kind),
]

ADAPTER: TypeAdapter[RealtimeProfile | TranscriptionProfile] = TypeAdapter(Profile, config=ConfigDict(defer_build=True))


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of one profile, with descriptions, for editors and forms."""
    schema = ADAPTER.json_schema(mode="validation", schema_generator=Described)
    for part in schema["$defs"].values():
        part["properties"] = {name: _told(field) for name, field in part.get("properties", {}).items()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Profile", **schema}


def _told(field: dict[str, Any]) -> dict[str, Any]:
    """A field's schema without pydantic's titles, and without the null by which a model says that it was left off."""
    return {key: value for key, value in field.items() if key != "title" and (key, value) != ("default", None)}
