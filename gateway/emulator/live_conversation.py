"""The conversation of one Live session, as its sideband tells it: events in the shapes of the SDK's `types/live`.

No I/O. Like `conversation`, and with fewer words: a Live session has no items and no turns, and its model calls no
functions. Where it delegates to the Responses API, that one's model does, and its stream is told here too.
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
        self._waiting: dict[str, str] = {}  # functions that were called and have no output yet, by the call's id
        self._outputs: list[tuple[str, str]] = []  # those that have, with it

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
        if kind in _BACKEND and self._backend is not None:
            return self._create(event.get("item")) if kind == "response.item.create" else self._go_on()
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
        """The model delegated to calls a function; nothing where nobody has it."""
        if self._backend is None or name not in {tool.get("name") for tool in self._backend.get("tools", ())}:
            return []
        call_id, delegation = self._id("call"), {"id": self._id("dlg"), "type": "delegation", "target": "responses"}
        self._waiting[call_id] = name
        item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
        return [
            self._event("session.delegation.created", delegation=delegation, offset_ms=0),
            self._nested("response.output_item.done", output_index=0, sequence_number=1, item=item),
            self._ended(),
        ]

    @property
    def unanswered(self) -> list[str]:
        """The names of the functions that were called and whose outputs are still waited for."""
        return list(self._waiting.values())

    def outputs(self, name: str) -> list[str]:
        """The outputs that were given for calls of a function."""
        return [output for called, output in self._outputs if called == name]

    @property
    def _backend(self) -> Mapping[str, Any] | None:
        """What carries out tasks for the model, if that is the Responses API."""
        delegation = self._session.get("delegation") or {}
        backend = delegation.get("responses") if delegation.get("type") == "responses" else None
        return backend if isinstance(backend, dict) else None

    def _create(self, item: Any) -> list[Event]:
        """Take a function's output; nothing is said to that."""
        wanted = item if isinstance(item, dict) else {}
        name = self._waiting.pop(str(wanted.get("call_id")), None)
        if wanted.get("type") != "function_call_output" or name is None:
            return [self._refuse(Mistake(message="No tool call found for this output.", param="item", code=None))]
        self._outputs.append((name, str(wanted.get("output"))))
        return []

    def _go_on(self) -> list[Event]:
        """A response that waited for outputs comes to its end, and the Live model says what came out."""
        return [self._ended(), *self.respond("That is done.")]

    def _ended(self) -> Event:
        response = {"id": self._id("resp"), "status": "completed", "usage": dict(_USED)}
        return self._nested("response.completed", sequence_number=2, response=response)

    def _nested(self, kind: str, **fields: Any) -> Event:
        """An event of the Responses API, as the sideband tells it."""
        return self._event("response.event", event={"type": kind, **fields})

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
        return {"type": kind, "event_id": self._id("event"), **fields}

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._session['id'][5:]}{self._count:04}"


_BACKEND: Final = frozenset({"response.item.create", "response.create"})
_USED: Final = {"input_tokens": 30, "output_tokens": 10, "total_tokens": 40}
_APPENDED: Final[Mapping[str, str]] = {
    "session.instructions.append": "session.instructions.appended",
    "session.commentary.append": "session.commentary.appended",
    "session.thinking.append": "session.thinking.appended",
}
