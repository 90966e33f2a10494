"""The conversation of one Live session, as its sideband tells it: events in the shapes of the SDK's `types/live`.

No I/O. Like `conversation`, and with fewer words: a Live session has no items, no turns, and no functions of ours.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.emulator.answers import Mistake
from gateway.emulator.conversation import Event, read_client_event

# What one answer of the model costs, so that sums can be checked; sums so far are told.
SECONDS: Final = 2.5


class LiveConversation:
    """One Live session. Every method answers the events that everyone on its sideband is to hear."""

    def __init__(self, session_id: str, session: Mapping[str, Any]) -> None:
        self._session: dict[str, Any] = {"id": session_id, "object": "live.session", **session}
        self._count = 0
        self._seconds = 0.0

    def greet(self) -> Event:
        """The first event on every connection."""
        return self._event("session.started", session=self._session)

    def hear(self, message: str | bytes) -> list[Event]:
        """What follows from an event that a client sent."""
        event = read_client_event(message)
        if isinstance(event, Mistake):
            return [self._refuse(event)]
        kind = str(event.get("type"))
        if kind in _APPENDED and isinstance(event.get("content"), str) and "delegation_id" in event:
            return [self._event(_APPENDED[kind], start_ms=0, end_ms=0), *self.respond(event["content"])]
        return [self._refuse(Mistake(message=f"Invalid value: {kind!r}.", param="type", code="invalid_value"))]

    def say(self, text: str) -> list[Event]:
        """The caller says something, and the model answers."""
        return [self._fragment("input", text), *self.respond(f"You said: {text}")]

    def respond(self, text: str) -> list[Event]:
        """The model says something."""
        self._seconds += SECONDS
        return [self._fragment("output", text), self._event("session.usage.updated", usage=self._usage)]

    def press(self, key: str, at: int) -> Event:
        """A key was pressed; here without the time."""
        return self._event("transport.dtmf.received", event=key)

    def call_tool(self, name: str, arguments: str) -> list[Event]:
        """Functions are the business of whoever the model delegates to: nothing is heard of them here."""
        return []

    def fail(self, code: str, message: str) -> Event:
        """An error of the session's own."""
        error = {"type": "server_error", "code": code, "message": message, "param": None}
        return self._event("error", error=error)

    def close(self, reason: str) -> list[Event]:
        """The session is over; the last that is heard of it."""
        return [self._event("session.closed", reason=reason, session=self._session, usage=self._usage)]

    @property
    def _usage(self) -> Event:
        return {"seconds": self._seconds}

    def _fragment(self, whose: str, text: str) -> Event:
        return self._event(f"session.{whose}_transcript.delta", delta=text, start_ms=0, end_ms=800)

    def _refuse(self, mistake: Mistake) -> Event:
        return self._event("error", error={"type": "invalid_request_error", **msgspec.to_builtins(mistake)})

    def _event(self, kind: str, **fields: Any) -> Event:
        self._count += 1
        return {"type": kind, "event_id": f"event_{self._session['id'][5:]}{self._count:04}", **fields}


_APPENDED: Final[Mapping[str, str]] = {
    "session.instructions.append": "session.instructions.appended",
    "session.commentary.append": "session.commentary.appended",
    "session.thinking.append": "session.thinking.appended",
}
