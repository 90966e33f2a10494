"""What happens in a call once it is answered: a script of moments, played whether anyone listens or not.

A call without moments lives until someone ends it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Parting(StrEnum):
    """How the sideband learns that a call is over."""

    DROPPED = "dropped"  # the connection is closed without a close frame, as the real one was seen to do (FACTS P7)
    CLOSED = "closed"  # a close frame with code 1000
    RESET = "reset"  # the connection is reset


@dataclass(frozen=True, kw_only=True, slots=True)
class Says:
    """The caller says something, and the model answers."""

    text: str
    after: float = 0.05  # seconds since the moment before; the first counts from the answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Presses:
    """The caller presses keys of the telephone."""

    keys: str
    after: float = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class CallsTool:
    """The model calls one of its functions."""

    name: str
    arguments: str = "{}"  # JSON
    after: float = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Fails:
    """The session reports an error, or a response that failed."""

    code: str
    message: str = "The scenario demands it."
    after: float = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Drops:
    """Every sideband of the call is dropped; the call lives on."""

    after: float = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class HangsUp:
    """The caller hangs up."""

    after: float = 0.05
    parting: Parting = Parting.DROPPED


Moment = Says | Presses | CallsTool | Fails | Drops | HangsUp


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """The script of one call."""

    attach_lag: float = 0.0  # seconds after the answer in which the sideband is not found yet (0.6 was seen: FACTS P6)
    moments: tuple[Moment, ...] = ()
    patient: bool = False  # whether it begins only when someone is on the sideband, and not with the answer


QUIET: Final = Talk()
