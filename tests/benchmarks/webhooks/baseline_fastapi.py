"""B1: FastAPI and the official SDK, as a careful user would write it. Nothing is stored.

    uvicorn tests.benchmarks.webhooks.baseline_fastapi:app --no-access-log

Careful means: the signature is verified, the sender is answered before the upstream is called, an accept does not
wait for ten minutes, a failure is logged. The SDK takes its key, secret and address from the usual variables.
"""

import logging
import re
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Request, Response
from openai import AsyncOpenAI, OpenAIError
from openai.types.webhooks import RealtimeCallIncomingWebhookEvent

from tests.benchmarks.webhooks.workload import PROFILES, SALES, SUPPORT

log = logging.getLogger(__name__)
client = AsyncOpenAI(timeout=10.0)
app = FastAPI()

_NUMBER = re.compile(r"sips?:(\+[0-9]+)@")


@app.post("/webhooks/openai")
async def receive(request: Request, background: BackgroundTasks) -> Response:
    try:
        event = client.webhooks.unwrap(await request.body(), request.headers)
    except ValueError:  # what the SDK raises for missing headers, bad signatures and bad JSON
        return Response(status_code=400)
    if event.type == "realtime.call.incoming":
        background.add_task(answer, event.data.call_id, session_for(number(event, "diversion", "to")))
    return Response()


async def answer(call_id: str, session: dict[str, Any]) -> None:
    try:
        await client.realtime.calls.accept(call_id, type="realtime", **session)
    except OpenAIError:
        log.exception("could not accept %s", call_id)


def session_for(called: str) -> dict[str, Any]:
    """The session that answers a call to `called`."""
    if called in SALES:
        return PROFILES["sales"]
    elif called in SUPPORT:  # noqa: RET505  the if/elif that this program is named for
        return PROFILES["support"]
    else:
        return PROFILES["reception"]


def number(event: RealtimeCallIncomingWebhookEvent, *headers: str) -> str:
    """The number in the first of these headers that holds one; empty if none does."""
    values = {header.name.lower(): header.value for header in event.data.sip_headers}
    for name in headers:
        if found := _NUMBER.search(values.get(name, "")):
            return found[1]
    return ""
