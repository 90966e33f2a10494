"""Which of the model's function calls have been carried out, as the timeline tells.

A transfer, a hangup and a note each leave a line whose detail names the function call (`who`), in the very commit that
carries it out.
"""

from typing import Final

import msgspec
from sqlalchemy import Connection, select

from gateway.calls.lifecycle import Event
from gateway.calls.remark import Remark
from gateway.tables import events

_LEAVE_LINES: Final = (Event.REFER_STARTED.value, Event.HANGUP_STARTED.value, Remark.NOTE.value)


class _Detail(msgspec.Struct, gc=False):
    who: str | None = None


_detail: Final = msgspec.json.Decoder(_Detail)


def find_carried_out(connection: Connection, call: int) -> set[str]:
    """The ids of the function calls that were carried out in the call with this row id.

    Names of administrators may be among them; they are no function call's.
    """
    wanted = select(events.c.detail).where(events.c.call == call, events.c.kind.in_(_LEAVE_LINES))
    found = (_detail.decode(detail).who for (detail,) in connection.execute(wanted) if detail)
    return {who for who in found if who is not None}
