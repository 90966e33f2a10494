"""The conversation of one call, as its sideband tells it: events in the upstream's own shape (FACTS section 4).

No I/O: `sideband` sends what is made here. Only the events that matter to someone who looks on are made; audio and the
deltas of text are left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.emulator.answers import Mistake

Event = dict[str, Any]

# What one answer of the model costs, so that sums can be checked.
USAGE: Final[Mapping[str, Any]] = {
    "total_tokens": 300,
    "input_tokens": 200,
    "output_tokens": 100,
    "input_token_details": {"text_tokens": 120, "audio_tokens": 80, "image_tokens": 0, "cached_tokens": 64},
    "output_token_details": {"text_tokens": 20, "audio_tokens": 80},
}

_LIMITS: Final = (
    {"name": "requests", "limit": 1_000, "remaining": 999, "reset_seconds": 0.06},
    {"name": "tokens", "limit": 50_000, "remaining": 49_700, "reset_seconds": 0.4},
)


class Conversation:
    """One call's session. Every method answers the events that everyone on its sideband is to hear."""

    def __init__(self, call_id: str, session: Mapping[str, Any]) -> None:
        self._session: dict[str, Any] = {"object": "realtime.session", "id": f"sess_{call_id[4:]}", **session}
        self._count = 0
        self._items: dict[str, Event] = {}  # by their ids, in the conversation's order

    def greet(self) -> Event:
        """The first event on every connection: the session as it is in force."""
        return self._event("session.created", session=self._session)

    def hear(self, message: str | bytes) -> list[Event]:
        """What follows from an event that a client sent."""
        event = read_client_event(message)
        if isinstance(event, Mistake):
            return [self._refuse(event)]
        kind = event.get("type")
        if kind == "session.update":
            return self._update(event)
        if kind == "response.create":
            return self.respond(_wording(event.get("response")))
        if kind == "conversation.item.create":
            return self._create(event.get("item", {}))
        if kind == "conversation.item.retrieve":
            return [self._retrieve(event.get("item_id"))]
        if kind == "conversation.item.delete":
            return [self._delete(event.get("item_id"))]
        if kind in _SILENT:
            return []
        return [self._refuse(Mistake(message=f"Invalid value: {kind!r}.", param="type", code="invalid_value"))]

    def say(self, text: str) -> list[Event]:
        """The caller says something, and the model answers."""
        before = next(reversed(self._items), None)
        item = self._keep(type="message", role="user")
        heard = {"item_id": item, "content_index": 0, "transcript": text}
        return [
            self._event("input_audio_buffer.speech_started", item_id=item, audio_start_ms=0),
            self._event("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=800),
            self._event("input_audio_buffer.committed", item_id=item, previous_item_id=before),
            *([self._event(_TRANSCRIBED, **heard, usage=dict(_HEARD))] if self._transcribes else []),
            *self.respond(f"You said: {text}"),
        ]

    def press(self, key: str, at: int) -> Event:
        """A key was pressed, at a time in seconds. The one kind of event that has no id."""
        return {"type": "input_audio_buffer.dtmf_event_received", "event": key, "received_at": at}

    def call_tool(self, name: str, arguments: str) -> list[Event]:
        """The model calls a function instead of speaking."""
        call = {"call_id": self._id("call"), "name": name, "arguments": arguments}
        response, item = self._id("resp"), self._keep(type="function_call", **call)
        where = {"response_id": response, "item_id": item, "output_index": 0}
        return [
            self._event("response.created", response={"id": response, "status": "in_progress"}),
            self._event("response.function_call_arguments.done", **where, **call),
            self._done(response, [{"type": "function_call", "id": item, **call}]),
        ]

    @property
    def unanswered(self) -> list[str]:
        """The names of the functions that the model called and whose outputs it still waits for."""
        answered = {item["call_id"] for item in self._items.values() if item["type"] == "function_call_output"}
        calls = [item for item in self._items.values() if item["type"] == "function_call"]
        return [call["name"] for call in calls if call["call_id"] not in answered]

    def outputs(self, name: str) -> list[str]:
        """The outputs that the model was given for its calls of a function."""
        calls = {item["call_id"] for item in self._items.values() if item.get("name") == name}
        return [item["output"] for item in self._items.values() if "output" in item and item["call_id"] in calls]

    def close(self, reason: str) -> list[Event]:
        """The call is over; nothing is heard of that (FACTS P7)."""
        return []

    def fail(self, code: str, message: str) -> Event:
        """An error of the session's own."""
        return self._event("error", error={"type": "server_error", "code": code, "message": message, "param": None})

    def respond(self, text: str) -> list[Event]:
        """The model says something."""
        response, item = self._id("resp"), self._keep(type="message", role="assistant")
        where = {"response_id": response, "item_id": item, "output_index": 0, "content_index": 0}
        return [
            self._event("response.created", response={"id": response, "status": "in_progress"}),
            self._event("rate_limits.updated", rate_limits=list(_LIMITS)),
            self._event("output_audio_buffer.started", response_id=response),
            self._event("response.output_audio_transcript.done", transcript=text, **where),
            self._done(response, [{"type": "message", "id": item, "role": "assistant"}]),
            self._event("output_audio_buffer.stopped", response_id=response),
        ]

    @property
    def _transcribes(self) -> bool:
        return bool(self._session.get("audio", {}).get("input", {}).get("transcription"))

    def _update(self, event: Event) -> list[Event]:
        session = event.get("session")
        if not isinstance(session, dict) or session.get("type") != "realtime":
            missing = Mistake(
                message="Missing required parameter: 'session.type'.",
                param="session.type",
                code="missing_required_parameter",
            )
            return [self._refuse(missing)]
        self._session |= {key: value for key, value in session.items() if key != "model"}
        return [self._event("session.updated", session=self._session)]

    def _create(self, wanted: Event) -> list[Event]:
        before = next(reversed(self._items), None)
        item = self._items[self._keep(**wanted)]
        return [
            self._event(f"conversation.item.{done}", item=item, previous_item_id=before) for done in ("added", "done")
        ]

    def _retrieve(self, item_id: Any) -> Event:
        if item_id not in self._items:
            return self._miss("retriev", item_id)
        return self._event("conversation.item.retrieved", item=self._items[item_id])

    def _delete(self, item_id: Any) -> Event:
        if item_id not in self._items:
            return self._miss("delet", item_id)
        del self._items[item_id]
        return self._event("conversation.item.deleted", item_id=item_id)

    def _miss(self, doing: str, item_id: Any) -> Event:
        missing = f"Error {doing}ing item: the item with id {item_id!r} does not exist."
        return self._refuse(Mistake(message=missing, param="item_id", code=f"item_{doing}e_invalid_item_id"))

    def _keep(self, **fields: Any) -> str:
        """Put an item at the end of the conversation; its id."""
        item = {"id": self._id("item"), "object": "realtime.item", "status": "completed", **fields}
        self._items[item["id"]] = item
        return str(item["id"])

    def _done(self, response: str, output: Sequence[Event]) -> Event:
        found = {"id": response, "status": "completed", "status_details": None, "output": output, "usage": dict(USAGE)}
        return self._event("response.done", response=found)

    def _refuse(self, mistake: Mistake) -> Event:
        error = {"type": "invalid_request_error", **msgspec.to_builtins(mistake)}
        return self._event("error", error=error)

    def _event(self, kind: str, **fields: Any) -> Event:
        return {"type": kind, "event_id": self._id("event"), **fields}

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._session['id'][5:]}{self._count:04}"


_TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"
_HEARD: Final = {"type": "tokens", "total_tokens": 12, "input_tokens": 10, "output_tokens": 2}

# What a client may send, and what has no effect on someone who only looks on.
_SILENT: Final = frozenset(
    {
        "response.cancel",
        "input_audio_buffer.append",
        "input_audio_buffer.clear",
        "input_audio_buffer.commit",
        "output_audio_buffer.clear",
        "conversation.item.truncate",
    }
)


def read_client_event(message: str | bytes) -> Event | Mistake:
    """The event that a client sent, or what is wrong with it."""
    try:
        event = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Mistake(message="We could not parse the JSON of your event.", code="invalid_json")
    return event if isinstance(event, dict) else Mistake(message="An event must be an object.", code="invalid_json")


def _wording(response: Any) -> str:
    wanted = response.get("instructions") if isinstance(response, dict) else None
    return str(wanted) if wanted else "Hello."
