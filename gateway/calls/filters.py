"""The filters of a search, as a query names them."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from gateway.calls.lifecycle import State
from gateway.calls.wanted import Header, Wanted
from gateway.reading import Form, Line, QueryMoment, QueryNumber, to_micros


def read_country(text: str) -> str:
    """The region that two letters name, in capitals. Raises ValueError."""
    if not re.fullmatch("[A-Za-z]{2}", text):
        raise ValueError("write the two letters of ISO 3166, such as US or DE")
    return text.upper()


Country = Annotated[str, AfterValidator(read_country), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z]{2}$"})]


class CallsFilter(Form):
    """Which calls are wanted."""

    state: State | None = None
    """The state in which they stand."""

    decision: Literal["accept", "reject", "refer", "ignore"] | None = None
    """What was decided."""

    rule: Line | None = Field(None, max_length=200)
    """The id of the rule that decided; empty: none did, but the default."""

    profile: Line | None = Field(None, max_length=200)
    """The profile that answered or was to answer; empty: none."""

    endpoint: Line | None = Field(None, max_length=200)
    """The endpoint that delivered them."""

    called: QueryNumber | None = Field(None, max_length=200)
    """The called number or user part; with `*` at an end, a part of it: `+1555*`, `*5550*`, `*00`."""

    caller: QueryNumber | None = Field(None, max_length=200)
    """The caller, likewise; empty: the number was withheld."""

    country: Country | None = None
    """The caller's region, ISO 3166: `DE`."""

    header: Line | None = Field(None, min_length=1, max_length=300)
    """A SIP header, `X-Tenant: acme`, or `X-Tenant` for any value; `*` as in numbers. Slow: give other filters too."""

    since: QueryMoment | None = None
    """Received then or later."""

    until: QueryMoment | None = None
    """Received before then."""

    q: Line | None = Field(None, min_length=1, max_length=100)
    """The beginning of a call id, or any part of called, caller, caller_name or, but for the live feed, of what was
    said in the call."""

    def wanted(self) -> Wanted:
        """The same for history."""
        return Wanted(
            state=self.state,
            decision=self.decision,
            rule=self.rule,
            profile=self.profile,
            endpoint=self.endpoint,
            called=self.called,
            caller=self.caller,
            country=self.country,
            header=None if self.header is None else read_header(self.header),
            since=to_micros(self.since),
            until=to_micros(self.until),
            q=self.q,
        )


def read_header(text: str) -> Header:
    """The header that a person asks for: a name, or a name and a value with a colon between."""
    name, colon, value = text.partition(":")
    return Header(name.strip(), value.strip() if colon else None)
