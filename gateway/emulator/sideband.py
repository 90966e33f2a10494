"""The sideband: `GET /v1/realtime?call_id=…` as a WebSocket, and the calls' scripts that it tells of.

As the real one (FACTS sections 3 and 4): 404 `call_id_not_found` for a call that is not active, or not yet attachable;
`session.created` first; when the call ends the connection ends, mostly without a close frame. A call that was accepted
on the Live surface has its sideband at `/v1/live/sessions/{id}/attach`, and is told of in that surface's words.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.emulator.answers import Answer, error_answer, refusal
from gateway.emulator.calls import EmulatedCall, Refusal, State
from gateway.emulator.conversation import Conversation, Event
from gateway.emulator.events import live_id
from gateway.emulator.line import NO_LINGER, TRANSPORT, hung_up
from gateway.emulator.live_conversation import LiveConversation
from gateway.emulator.talks import CallsTool, Drops, Fails, HangsUp, Moment, Parting, Presses, Says
from gateway.emulator.upstream import EmulatedUpstream

_NO_CALL: Final = error_answer(400, "The emulator opens sessions of calls only: give a call_id.", param="call_id")


class Sideband:
    """The sidebands of all calls. `close` ends the scripts that are being played."""

    def __init__(self, upstream: EmulatedUpstream) -> None:
        self._upstream = upstream
        self._conversations: dict[str, Conversation | LiveConversation] = {}
        self._scripts: set[asyncio.Task[None]] = set()

    def answered(self, call: EmulatedCall) -> None:
        """A call was accepted: its script begins, unless it waits for a listener."""
        if not call.scenario.talk.patient:
            self._begin(call)

    def _begin(self, call: EmulatedCall) -> None:
        if call.scenario.talk.moments:
            script = asyncio.create_task(self._play(call))
            self._scripts.add(script)
            script.add_done_callback(self._scripts.discard)

    async def close(self) -> None:
        """End all scripts."""
        for script in self._scripts:
            script.cancel()
        if self._scripts:
            await asyncio.wait(self._scripts)

    def refuse(self, call_id: str, *, live: bool) -> Answer | None:
        """Why nobody can get onto the sideband of this call now, on this surface, if so."""
        if not call_id:
            return _NO_CALL
        call = self._upstream.calls.get(call_id)
        if call is None or call.state is not State.ACTIVE or call.answered_at is None or _is_live(call) is not live:
            return refusal(Refusal.NOT_FOUND, call_id)
        lag = call.scenario.talk.attach_lag * 1e6
        return refusal(Refusal.NOT_FOUND, call_id) if self._upstream.clock.now() < call.answered_at + lag else None

    async def serve(self, websocket: WebSocket, call_id: str) -> None:
        """Tell one client what happens in a call that `refuse` lets pass, until either is gone."""
        call = self._upstream.calls[call_id]
        conversation = self._conversation(call)
        await websocket.accept()
        listener = _Listener(websocket, lambda: _farewell(call, conversation))
        listener.hear(conversation.greet())
        call.listeners.add(listener)
        call.attached += 1
        if call.scenario.talk.patient and call.attached == 1:
            self._begin(call)
        speaking = asyncio.create_task(listener.speak())
        try:
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                self._tell(call, conversation.hear(message.get("text") or message.get("bytes") or b""))
        finally:
            call.listeners.discard(listener)
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    async def _play(self, call: EmulatedCall) -> None:
        for moment in call.scenario.talk.moments:
            await asyncio.sleep(moment.after)
            if call.state is not State.ACTIVE:
                return
            self._happen(call, moment)

    def _happen(self, call: EmulatedCall, moment: Moment) -> None:
        conversation = self._conversation(call)
        match moment:
            case Says(text=text):
                self._tell(call, conversation.say(text))
            case Presses(keys=keys):
                at = self._upstream.clock.now() // 1_000_000
                self._tell(call, [conversation.press(key, at) for key in keys])
            case CallsTool(name=name, arguments=arguments):
                self._tell(call, conversation.call_tool(name, arguments))
            case Fails(code=code, message=message):
                self._tell(call, [conversation.fail(code, message)])
            case Drops():
                call.drop()
            case HangsUp(parting=parting):
                call.end(State.GONE, parting)

    def happen(self, call_id: str, moment: Moment) -> None:
        """Let something happen in an active call now, beside its script."""
        self._happen(self._upstream.calls[call_id], moment)

    def conversation(self, call_id: str) -> Conversation | LiveConversation:
        """What was said in a call, and what was done."""
        return self._conversation(self._upstream.calls[call_id])

    def _conversation(self, call: EmulatedCall) -> Conversation | LiveConversation:
        known = self._conversations.get(call.call_id)
        if known is None and _is_live(call):
            known = LiveConversation(live_id(call.call_id), call.session["session"])
        elif known is None:
            known = Conversation(call.call_id, call.session)
        self._conversations[call.call_id] = known
        return known

    def _tell(self, call: EmulatedCall, events: list[Event]) -> None:
        for listener in call.listeners:
            for event in events:
                listener.hear(event)


def _is_live(call: EmulatedCall) -> bool:
    return "session" in call.session


def _farewell(call: EmulatedCall, conversation: Conversation | LiveConversation) -> list[Event]:
    """What is told before the connection ends; nothing where only that is lost."""
    return [] if call.state is State.ACTIVE else conversation.close(_REASONS.get(call.state, "connection_lost"))


_REASONS: Final = {State.GONE: "remote_hangup", State.TRANSFERRED: "remote_hangup", State.ENDED: "close_requested"}


class _Listener:
    """One client on a sideband."""

    def __init__(self, websocket: WebSocket, farewell: Callable[[], list[Event]]) -> None:
        self._websocket = websocket
        self._farewell = farewell
        self._queue: asyncio.Queue[Event | Parting] = asyncio.Queue()

    def hear(self, event: Mapping[str, Any]) -> None:
        self._queue.put_nowait(dict(event))

    def part(self, parting: Parting) -> None:
        for event in self._farewell():
            self.hear(event)
        self._queue.put_nowait(parting)

    async def speak(self) -> None:
        """Pass on what happens, until it is over."""
        while True:
            event = await self._queue.get()
            if isinstance(event, Parting):
                await self._leave(event)
                return
            try:
                await self._websocket.send_text(msgspec.json.encode(event).decode())
            except WebSocketDisconnect:
                return

    async def _leave(self, parting: Parting) -> None:
        transport: asyncio.Transport = self._websocket.scope["state"][TRANSPORT]
        if parting is Parting.CLOSED:
            await self._websocket.close(1000)
        elif parting is Parting.DROPPED:
            transport.close()
        else:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            transport.abort()


class SidebandDoor:
    """The ASGI application at one surface's address. `refuse_key` says what is wrong with a client's key.

    `find` finds the call's id in the request.
    """

    def __init__(
        self,
        sideband: Sideband,
        refuse_key: Callable[[HTTPConnection], Answer | None],
        find: Callable[[HTTPConnection], str],
        *,
        live: bool = False,
    ) -> None:
        self._sideband = sideband
        self._refuse_key = refuse_key
        self._find = find
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        call_id = self._find(websocket)
        refusal_ = self._refuse_key(websocket) or self._sideband.refuse(call_id, live=self._live)
        if refusal_ is None:
            await self._sideband.serve(websocket, call_id)
            return
        response = Response(refusal_.body, refusal_.status, {"content-type": "application/json"})
        await websocket.send_denial_response(response)
        # uvicorn announces a disconnection when it has sent the response, and complains of a handshake that was not
        # finished unless we stay until the real one.
        await hung_up(receive)
        await hung_up(receive)
