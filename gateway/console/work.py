"""Work that takes a while, and tells how far it is: the answer to a form as JSON lines.

Scripts ask for it by `accept: application/jsonl`. Each line is a step, `{"told": …, "done": …, "of": …}`; the last one
says what came of it: `{"go": …}`, the address of the next page, or `{"page": …}`, which says what is wrong. Without
scripts the same form is answered once, when all is done.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Final, Generic, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.console.visit import NOTICE

JSON_LINES: Final = "application/jsonl"

Answer = TypeVar("Answer")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is."""

    told: str  # what is being done
    done: int
    of: int


class Ending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it: one of the two."""

    go: str = ""  # where to go on
    notice: str = ""  # what is told there, as its cookie has it
    page: str = ""  # HTML


@dataclass(frozen=True, kw_only=True, slots=True)
class Work(Generic[Answer]):
    """Steps, and after them the answer."""

    steps: AsyncIterator[Step | Answer]

    async def answer(self) -> Answer:
        """Do all of it, and tell nothing."""
        async for one in self.steps:
            if not isinstance(one, Step):
                return one
        raise RuntimeError("the work ended without an answer")


def wants_steps(request: Request) -> bool:
    """Whether whoever sent the form follows its steps."""
    return JSON_LINES in request.headers.get("accept", "")


def line(told: Step | Ending) -> bytes:
    """A line of the answer."""
    return msgspec.json.encode(told) + b"\n"


def ending(response: Response) -> Ending:
    """The last line for an answer that leads on."""
    notice = SimpleCookie(response.headers.get("set-cookie", "")).get(NOTICE)
    return Ending(go=response.headers["location"], notice=notice.value if notice else "")
