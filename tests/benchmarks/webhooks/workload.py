"""What all three programs are given: the same numbers, profiles and rules, and signed deliveries of the same kind.

A contact center with 45 numbers behind a Twilio trunk, the trunk on which the dialled number is hardest to find. The
gateway gets it as a rulebook of 50 rules, the baselines as the if/elif that their authors would write. Every call is
to be accepted: an accept is what the programs are timed by.
"""

import time
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from gateway.emulator.events import incoming_call, webhook_id
from gateway.emulator.invite import Invite, Trunk, new_call_id
from gateway.webhooks.signature import sign

SECRET: Final = "whsec_YSBiZW5jaG1hcmsgaGFzIG5vIHNlY3JldHMgdG8ga2VlcCE="

# 030 23125-XXX is kept free for fiction by the Bundesnetzagentur.
LINES: Final = tuple(f"+493023125{line}" for line in range(100, 145))
SALES: Final = LINES[:15]
SUPPORT: Final = LINES[15:30]


def _profile(role: str, voice: str) -> dict[str, Any]:
    return {
        "model": "gpt-realtime-2.1",
        "instructions": (
            f"You answer the telephone for Example Ltd as {role}. Greet the caller, ask for the name and the reason of "
            "the call, and help in short, friendly sentences. Never promise a price or a date. If you cannot help, "
            "offer a call back and take down the number. Speak the caller's language."
        ),
        "audio": {
            "input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}},
            "output": {"voice": voice, "speed": 1.0},
        },
    }


PROFILES: Final[dict[str, dict[str, Any]]] = {
    "sales": _profile("a salesperson", "marin"),
    "support": _profile("a technician", "cedar"),
    "reception": _profile("the receptionist", "sage"),
}


def rulebook() -> dict[str, Any]:
    """The gateway's rulebook: 50 rules, of which the lines are reached after four that do not apply."""
    guards = [
        {"id": "blocked", "when": {"caller": "list:blocked"}, "then": {"reject": 603}},
        {"id": "forged", "when": {"attestation": "failed"}, "then": {"reject": 603}},
        {"id": "tenant", "when": {"header": {"X-Tenant": "acme"}}, "then": {"accept": "reception"}},
        {"id": "fax", "when": {"called": r"re:\+4930231259[0-9]{2}"}, "then": {"reject": 488}},
    ]
    lines = [
        {
            "id": f"line-{called[-3:]}",
            "when": {"called": called, "during": "always"},
            "then": {"accept": _profile_of(called)},
        }
        for called in LINES
    ]
    rest = [{"id": "berlin", "when": {"called": "+4930*"}, "then": {"accept": "reception"}}]
    return {
        "profiles": PROFILES,
        "calendars": {"always": {"zone": "Europe/Berlin", "open": ["Mon-Sun 00:00-24:00"]}},
        "lists": {"blocked": ["+12025550166", "+4420*"]},
        "rules": [*guards, *lines, *rest],
        "default": {"reject": 603},
    }


def _profile_of(called: str) -> str:
    if called in SALES:
        return "sales"
    return "support" if called in SUPPORT else "reception"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One webhook, ready to be sent."""

    call_id: str
    request: bytes  # the whole HTTP request


class Callers:
    """Makes deliveries, each of a new call, the same ones in every run of the benchmark."""

    def __init__(self) -> None:
        self._random = Random(5)

    def deliveries(self, count: int) -> list[Delivery]:
        """`count` webhooks, signed now: they must be sent within the receivers' tolerance of 300 s."""
        return [self._delivery(int(time.time())) for _ in range(count)]

    def _delivery(self, now: int) -> Delivery:
        call_id = new_call_id(self._random)
        invite = Invite(
            trunk=Trunk.TWILIO,
            called=self._random.choice(LINES),
            caller=f"+493023125{self._random.randrange(200, 1000)}",
            name="Alice Example",
            attestation="A",
        )
        body = incoming_call(call_id, invite.headers(call_id), created_at=now, media=invite.media)
        return Delivery(call_id=call_id, request=_request(webhook_id(call_id), now, body))


def _request(event: str, now: int, body: bytes) -> bytes:
    head = (
        "POST /webhooks/openai HTTP/1.1",
        "host: gateway.example.com",
        "user-agent: OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)",
        "content-type: application/json",
        f"content-length: {len(body)}",
        f"webhook-id: {event}",
        f"webhook-timestamp: {now}",
        f"webhook-signature: {sign(SECRET, webhook_id=event, timestamp=now, body=body)}",
    )
    return "\r\n".join((*head, "", "")).encode() + body
