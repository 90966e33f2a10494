"""The vocabulary of trouble: what can go wrong with one request to the upstream, as values.

A fault answers three questions: does the command take effect all the same (`applied`), what does the client get to see
(`status` and `line`), and when (`delay`). The combination "applied, but the client sees no reply" is the one that
gateways get wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final


class Command(StrEnum):
    """The upstream's commands for one call; the values are the last part of their paths."""

    ACCEPT = "accept"
    REJECT = "reject"
    REFER = "refer"
    HANGUP = "hangup"


class Line(StrEnum):
    """What happens to the TCP connection where the reply should come."""

    ANSWERED = "answered"  # a whole reply
    RESET = "reset"  # RST, no byte of a reply
    CLOSED = "closed"  # FIN, no byte of a reply
    CUT = "cut"  # FIN in the middle of a reply
    SILENT = "silent"  # kept open; nothing is ever said


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What becomes of one request. Without `status` the client sees the command's own answer."""

    name: str  # as records and summaries show it
    applied: bool = False  # whether the command takes effect all the same
    line: Line = Line.ANSWERED
    status: int | None = None  # answered instead of the command's own answer; a 2xx is an empty promise
    retry_after: str | None = None  # the header's value, verbatim: seconds, an HTTP date, or junk
    delay: float = 0.0  # seconds between the effect and the reply

    def __post_init__(self) -> None:
        if not self.applied and self.status is None and self.line is Line.ANSWERED:
            raise ValueError("a fault that keeps the command from taking effect must say what the client sees")


def slow(seconds: float) -> Fault:
    """The command takes effect at once, its answer takes `seconds`."""
    return Fault(name=f"slow {seconds:g} s", applied=True, delay=seconds)


def error(status: int, *, applied: bool = False, retry_after: str | None = None) -> Fault:
    """An error reply; with `applied`, one that lies."""
    name = f"{status} although applied" if applied else str(status)
    return Fault(name=name, applied=applied, status=status, retry_after=retry_after)


def lost_reply(line: Line = Line.CLOSED) -> Fault:
    """The command takes effect and the connection fails before the reply is through."""
    return Fault(name=f"reply lost ({line})", applied=True, line=line)


def dropped(line: Line = Line.RESET) -> Fault:
    """The connection fails and the command has no effect. The client cannot tell this from `lost_reply`."""
    return Fault(name=f"dropped ({line})", line=line)


def empty_promise() -> Fault:
    """A 200 without any effect (FACTS P6: refers answered 200 without a REFER on the wire)."""
    return Fault(name="empty promise", status=200)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """The next `times` requests of one command meet `fault`."""

    command: Command
    fault: Fault
    times: int | None = 1  # None: every one from here on


def scripted_fault(troubles: Sequence[Trouble], command: Command, earlier: int) -> Fault | None:
    """The fault that a request of `command` meets after `earlier` others of it; None when its troubles are over."""
    for trouble in troubles:
        if trouble.command is not command:
            continue
        if trouble.times is None or earlier < trouble.times:
            return trouble.fault
        earlier -= trouble.times
    return None


# What really happens to HTTP clients in a bad week. Everything heals when the request is repeated.
BAD_WEEK: Final = (
    error(500),
    error(503),
    error(500, applied=True),
    error(429, retry_after="1"),
    lost_reply(Line.CLOSED),
    lost_reply(Line.RESET),
    lost_reply(Line.CUT),
    dropped(Line.RESET),
    dropped(Line.CLOSED),
    slow(0.5),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Chaos:
    """Faults by chance. The draw depends on the seed, the call and the request, never on timing: a run repeats."""

    rate: float  # 0 to 1: the part of all requests that meets a fault
    seed: int = 0
    faults: tuple[Fault, ...] = BAD_WEEK  # equally likely

    def fault(self, call_id: str, command: Command, earlier: int) -> Fault | None:
        """The fault of this request, if it draws one."""
        key = f"{self.seed}:{call_id}:{command.value}:{earlier}".encode()
        draw = int.from_bytes(blake2b(key, digest_size=8).digest(), "big")
        if draw / 2**64 >= self.rate:
            return None
        return self.faults[draw % len(self.faults)]
