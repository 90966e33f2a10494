"""Announced ends of models and features, and which of them a rulebook's profiles will meet.

The dates are data (`vocabulary.SHUTDOWNS`). A warning says how long there is left, and becomes louder in the last
`LOUD_DAYS`: other code, other words, and in `gateway doctor` and the metrics too.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from gateway.profiles.profile import find_profile
from gateway.profiles.vocabulary import SHUTDOWNS, Shutdown, Subject
from routing_rules.problem import Problem, pointer_to, warning

# Time enough to try another model and to publish.
LOUD_DAYS: Final = 30

_BY_NAME: Final = {(shutdown.subject, shutdown.name): shutdown for shutdown in SHUTDOWNS}

_MODEL: Final = ("model",)
_TRANSCRIBER: Final = ("audio", "input", "transcription", "model")
_PROMPT: Final = ("prompt",)


def find_shutdowns(profile: Mapping[str, Any]) -> Iterator[tuple[Shutdown, tuple[str, ...]]]:
    """What of a profile will be shut down, and where that stands in it."""
    for path, subject in ((_MODEL, Subject.MODEL), (_TRANSCRIBER, Subject.TRANSCRIPTION_MODEL)):
        name = value_at(profile, path)
        if isinstance(name, str) and (shutdown := _BY_NAME.get((subject, name))):
            yield shutdown, path
    if value_at(profile, _PROMPT) is not None:
        yield _BY_NAME[Subject.FEATURE, "prompt"], _PROMPT


def value_at(profile: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What stands at a path; None where there is nothing."""
    value: Any = profile
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def find_shutdown_warnings(profile: Mapping[str, Any], today: date) -> Iterator[Problem]:
    """A warning for each end that the profile will meet, or has met."""
    for shutdown, path in find_shutdowns(profile):
        code, words = told(shutdown, today)
        yield warning(code, pointer_to(*path), words)


def told(shutdown: Shutdown, today: date) -> tuple[str, str]:
    """The code and the words of a warning."""
    left = (shutdown.on - today).days
    what = f"the {shutdown.subject} {shutdown.name!r}"
    rest = f"; {shutdown.instead} ({shutdown.source})"
    if left <= 0:
        return "shut_down", f"SHUT DOWN: {what} ended on {shutdown.on}, calls with it fail{rest}"
    if left <= LOUD_DAYS:
        days = "TOMORROW" if left == 1 else f"IN {left} DAYS"
        return "shutdown_soon", f"{days}, on {shutdown.on}, {what} is shut down{rest}"
    return "shutdown", f"{what} is shut down on {shutdown.on}, in {left} days{rest}"


def days_left(profiles: Mapping[str, Mapping[str, Any]], today: date) -> dict[tuple[str, str], int]:
    """Days until each end that any of the profiles will meet, by subject and name; zero or less when it is over."""
    found = {shutdown for name in profiles for shutdown, _ in find_shutdowns(find_profile(profiles, name))}
    return {(str(end.subject), end.name): (end.on - today).days for end in found}
