"""What a rule may read of a call, and what it may ask about the calls before it. Values only."""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

Per = Literal["caller", "called", "rule"]
PER: tuple[Per, ...] = get_args(Per)


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFacts:
    """One incoming call as it was read. Everything but `endpoint` is claimed by the caller's side."""

    call_id: str  # the upstream's id of the call
    called: str  # E.164 ("+15551230000"), else the first URI's user part as text; "" if there is none
    caller: str  # likewise; "" when anonymous or absent
    called_uri: str = ""  # "sales@example.com", the host in lower case; "" if there is none
    caller_uri: str = ""  # likewise
    anonymous: bool = False  # the caller withheld the number (RFC 3323)
    country: str | None = None  # region of the caller's number, ISO 3166-1 alpha-2
    headers: tuple[tuple[str, str], ...] = ()  # (name, value) as received: order and repeats kept
    media: str | None = None  # "rtp", "srtp", another word of the upstream's, or unknown
    endpoint: str = "openai"  # the endpoint that delivered the call
    attestation: str = "none"  # STIR/SHAKEN: "A", "B", "C", "failed" or "none"


class Usage(Protocol):
    """What earlier calls have used up; the gateway answers, so that deciding itself remembers nothing."""

    def active(self, rule: str) -> int:
        """How many calls decided by this rule are live now."""

    def recent(self, rule: str, per: str, key: str, seconds: int) -> int:
        """How many calls this rule decided within the last `seconds`.

        `per` is "caller", "called" or "rule"; `key` is that caller or called as the facts have it, "" for "rule".
        """


class _NoUsage:
    """Nothing is in use: for checks and trials that have no calls around them."""

    def active(self, rule: str) -> int:
        return 0

    def recent(self, rule: str, per: str, key: str, seconds: int) -> int:
        return 0


NO_USAGE: Usage = _NoUsage()
