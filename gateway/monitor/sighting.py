"""What a sighting means for a call: tables from the state that it is found in to the steps that it takes.

Pure. The states that are missing have an action open, whose end comes first, or have no use for the sighting.
"""

from collections.abc import Mapping
from typing import Final

from gateway.calls.lifecycle import LIVE, TERMINAL, Event, State

Steps = Mapping[State, tuple[Event, ...]]

# We are on the sideband: the caller is through.
SEEN: Final[Steps] = dict.fromkeys(LIVE, (Event.CONFIRMED,))

_FINISHED: Final[Steps] = dict.fromkeys(TERMINAL, ())
_LEFT: Final[Steps] = {
    State.ACCEPT_UNKNOWN: (Event.CALLER_GONE,),
    State.REFER_WAIT: (Event.CLOSED,),
    State.REFER_UNKNOWN: (Event.CLOSED,),
    State.ENDING: (Event.CLOSED,),
    **_FINISHED,
}

# The upstream does not know the call (any more), after someone was on its sideband, or nobody tried in time.
OVER: Final[Steps] = {**_LEFT, State.ACCEPTED: (Event.CLOSED,)}

# … although we have tried from the moment when it was accepted: the caller had hung up before.
NEVER_THERE: Final[Steps] = {**_LEFT, State.ACCEPTED: (Event.CALLER_GONE,)}

# A hangup that may have been applied was not: the caller is still here, or nobody can be asked.
NOT_HUNG_UP: Final[Steps] = {State.ENDING: (Event.OUT_OF_TIME,)}

# The upstream could not be asked in time.
UNPROVEN: Final[Steps] = {
    State.ACCEPT_UNKNOWN: (Event.UNCLEAR,),
    State.ACCEPTED: (Event.OUT_OF_TIME,),
    State.REFER_WAIT: (Event.UNWATCHED,),
    State.REFER_UNKNOWN: (Event.UNWATCHED,),
    **NOT_HUNG_UP,
}
