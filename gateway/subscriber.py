"""A subscriber: another program that is told by webhooks what becomes of calls, as `[[subscribers]]` in gateway.toml.

Only the configuration names subscribers: an address that could be set over the API would let whoever may use it send
requests to the inside of the network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from gateway import settings_syntax as syntax
from gateway.endpoint import SecretStr

# The row of `watermarks` that says how far the timelines were read for subscribers.
WATERMARK: Final = "subscribers"

# What a subscriber may be told, and when.
EVENTS: Final[Mapping[str, str]] = {
    "call.decided": "a call rang, and it is decided what happens to it",
    "call.answered": "the upstream took the accept: the caller talks",
    "call.transferred": "the caller left with a transfer",
    "call.ended": "the call came to rest; `state` says how",
}


@dataclass(frozen=True, kw_only=True)
class Subscriber:
    """Another program that is told what becomes of calls."""

    name: str
    url: str  # where to post to
    secret: SecretStr | None = None  # signs what is posted (Standard Webhooks); None: nothing is sent
    secret_env: str | None = None  # the variable that holds, or should hold, the secret
    events: tuple[str, ...] = tuple(EVENTS)  # of EVENTS
    callers: Literal["masked", "clear"] = "masked"  # whether it is told who called


def _read_event(text: str) -> str:
    if text not in EVENTS:
        raise ValueError(f"{text!r} is no event; there are {', '.join(EVENTS)}")
    return text


# The keys of a `[[subscribers]]` table, and how each is read.
SUBSCRIBER_KEYS: Final[Mapping[str, Callable[[str], Any]]] = {
    "name": syntax.read_name,
    "url": syntax.read_web_address,
    "secret_env": syntax.read_variable_name,
    "events": syntax.read_list(_read_event),
    "callers": syntax.read_choice("masked", "clear"),
}
