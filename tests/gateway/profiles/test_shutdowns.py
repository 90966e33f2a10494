"""Announced ends, as the official SDK tells them too."""

import re
from datetime import date
from pathlib import Path

import openai.types.realtime as sdk

from gateway.profiles.shutdowns import LOUD_DAYS, days_left
from gateway.profiles.vocabulary import MODELS, SHUTDOWNS, TRANSCRIPTION_MODELS, Subject

TODAY = date(2026, 11, 21)


def announced(file: str) -> dict[str, date]:
    """The dates in a docstring of the SDK, by model."""
    text = " ".join((Path(sdk.__file__).parent / file).read_text("utf-8").split())
    lists = re.findall(r"Deprecated values: - (.*?): Announced shutdown date: (\d{4}-\d\d-\d\d)", text)
    return {name: date.fromisoformat(day) for names, day in lists for name in re.findall(r'"([^"]+)"', names)}


def ours(subject: Subject) -> dict[str, date]:
    return {end.name: end.on for end in SHUTDOWNS if end.subject is subject}


def test_the_dates_are_those_that_the_sdk_tells() -> None:
    models = announced("realtime_session_create_request.py")
    assert len(models) == 6
    assert models.items() <= ours(Subject.MODEL).items()
    transcribers = announced("audio_transcription.py")
    assert len(transcribers) == 5
    assert transcribers == ours(Subject.TRANSCRIPTION_MODEL)


def test_every_end_is_of_something_known_with_a_source() -> None:
    assert ours(Subject.MODEL).keys() <= MODELS
    assert ours(Subject.TRANSCRIPTION_MODEL).keys() <= TRANSCRIPTION_MODELS
    assert all(end.source and end.instead for end in SHUTDOWNS)


def test_the_days_left_are_those_of_what_profiles_use() -> None:
    profiles = {
        "base": {"model": "gpt-realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}},
        "heir": {"extends": "base", "model": "gpt-realtime-2.1", "prompt": {"id": "pmpt_1"}},
    }
    days = days_left(profiles, TODAY)
    assert days == {("model", "gpt-realtime"): 60, ("transcription model", "whisper-1"): 97, ("feature", "prompt"): 9}
    assert days["feature", "prompt"] < LOUD_DAYS
    assert days_left({"sales": {"model": "gpt-realtime-2.1"}}, TODAY) == {}
