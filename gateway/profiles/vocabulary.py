"""What is known of the upstream's models and voices, as data with its sources. Neither list is closed: what is not on
them warns and is sent all the same, since models and voices appear without a release of this gateway, and on Azure a
model is the name of a deployment.

Sources: the types of OpenAI's SDK 3.52 (`types/realtime`), its guides, and its page of deprecations,
https://developers.openai.com/api/docs/deprecations (read 2026-11-21).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

REASONING_MODELS: Final = frozenset({"gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2.1-mini"})

# Only through the Live API; an accept of a Realtime call is refused with it.
LIVE_MODELS: Final = frozenset({"gpt-live-1"})

MODELS: Final = REASONING_MODELS | {
    "gpt-realtime",
    "gpt-realtime-2025-08-28",
    "gpt-realtime-1.5",
    "gpt-realtime-mini",
    "gpt-realtime-mini-2025-10-06",
    "gpt-realtime-mini-2025-12-15",
    "gpt-audio-1.5",
    "gpt-audio-mini",
    "gpt-audio-mini-2025-10-06",
    "gpt-audio-mini-2025-12-15",
    "gpt-4o-realtime-preview",
    "gpt-4o-realtime-preview-2024-10-01",
    "gpt-4o-realtime-preview-2024-12-17",
    "gpt-4o-realtime-preview-2025-06-03",
    "gpt-4o-mini-realtime-preview",
    "gpt-4o-mini-realtime-preview-2024-12-17",
}

TRANSCRIPTION_MODELS: Final = frozenset(
    {
        "gpt-transcribe",
        "gpt-live-transcribe",
        "gpt-realtime-whisper",
        "whisper-1",
        "gpt-4o-transcribe",
        "gpt-4o-transcribe-diarize",
        "gpt-4o-mini-transcribe",
        "gpt-4o-mini-transcribe-2025-12-15",
    }
)

# Which of them understand an option; the others refuse it.
TRANSCRIPTION_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "languages": frozenset({"gpt-transcribe", "gpt-live-transcribe"}),
    "keywords": frozenset({"gpt-transcribe", "gpt-live-transcribe"}),
    "delay": frozenset({"gpt-realtime-whisper"}),
    "prompt": TRANSCRIPTION_MODELS - {"gpt-realtime-whisper"},
}

VOICES: Final = frozenset({"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"})

# Beside them, on the Live surface only (SDK types/live/built_in_voice.py).
LIVE_VOICES: Final = frozenset(
    {"beacon", "bossa", "cinder", "delta", "gleam", "meridian", "quartz"}
    | {"ripple", "shida", "stone", "tempo", "vesper", "willow"}
)

# Of the first beta; an accept with one of them is refused.
GONE_VOICES: Final = frozenset({"fable", "onyx", "nova"})


class Subject(StrEnum):
    """What is shut down."""

    MODEL = "model"
    TRANSCRIPTION_MODEL = "transcription model"
    FEATURE = "feature"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shutdown:
    """An announced end."""

    subject: Subject
    name: str  # as it stands in a profile
    on: date  # the first day without it
    instead: str  # what to use, in words
    source: str  # who says so


_DEPRECATIONS: Final = "https://developers.openai.com/api/docs/deprecations"
_MIGRATION: Final = "https://developers.openai.com/api/docs/guides/prompting/migrate-from-prompt-object"
_REPORTED: Final = "reported at dev.to/aidriftline, not confirmed by OpenAI"


def _models(on: date, instead: str, source: str, *names: str) -> list[Shutdown]:
    return [Shutdown(subject=Subject.MODEL, name=name, on=on, instead=instead, source=source) for name in names]


SHUTDOWNS: Final = (
    Shutdown(
        subject=Subject.FEATURE,
        name="prompt",
        on=date(2026, 11, 30),
        instead="write the prompt into instructions",
        source=_MIGRATION,
    ),
    *_models(
        date(2027, 1, 20),
        "use gpt-realtime-2.1",
        _DEPRECATIONS,
        "gpt-realtime",
        "gpt-realtime-2025-08-28",
    ),
    *_models(
        date(2027, 1, 20),
        "use gpt-realtime-2.1-mini",
        _DEPRECATIONS,
        "gpt-realtime-mini",
        "gpt-realtime-mini-2025-12-15",
        "gpt-audio-mini",
        "gpt-audio-mini-2025-12-15",
    ),
    *_models(
        date(2027, 1, 20),
        "use gpt-realtime-2.1",
        _REPORTED,
        "gpt-4o-realtime-preview",
        "gpt-4o-realtime-preview-2024-10-01",
        "gpt-4o-realtime-preview-2024-12-17",
        "gpt-4o-realtime-preview-2025-06-03",
        "gpt-4o-mini-realtime-preview",
        "gpt-4o-mini-realtime-preview-2024-12-17",
    ),
    *(
        Shutdown(
            subject=Subject.TRANSCRIPTION_MODEL,
            name=name,
            on=date(2027, 2, 26),
            instead="use gpt-transcribe or gpt-live-transcribe",
            source=_DEPRECATIONS,
        )
        for name in sorted(TRANSCRIPTION_MODELS)
        if name == "whisper-1" or name.startswith("gpt-4o-")
    ),
)
