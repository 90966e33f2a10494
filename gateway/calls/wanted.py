"""Which calls are wanted: the filters of a search, and whether one call passes them."""

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

EXACT: Final = ("called", "caller", "rule", "state", "country", "profile", "endpoint")


class Position(NamedTuple):
    """A place in history: that of one call."""

    received_at: int  # µs
    id: int  # of the row


class Header(NamedTuple):
    """A SIP header that a call must have."""

    name: str  # in any case
    value: str | None  # exact, or with `*` as in a number; None: any


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which calls are wanted; None asks for nothing. `*` at a number's end, or its beginning, stands for any text."""

    state: str | None = None
    decision: str | None = None  # its kind
    rule: str | None = None  # empty: the default decided
    profile: str | None = None  # empty: nobody was to answer
    endpoint: str | None = None
    called: str | None = None  # exact; `+1555*` for a beginning; `*5550*` for any part; `*00` for an end
    caller: str | None = None  # likewise; empty: withheld
    country: str | None = None  # empty: unknown
    header: Header | None = None
    since: int | None = None  # µs, included
    until: int | None = None  # µs, excluded
    q: str | None = None  # a call id's beginning, or any part of called, caller, caller_name or what was said


class Pattern(NamedTuple):
    """A text that may be a part."""

    text: str
    from_start: bool
    to_end: bool

    @property
    def is_exact(self) -> bool:
        """Whether the text is the whole."""
        return self.from_start and self.to_end

    def matches(self, whole: str) -> bool:
        """Whether this is `whole`, or the part of it that it claims to be. Middles and ends are found in any case."""
        if self.is_exact:
            return whole == self.text
        if self.from_start:
            return whole.startswith(self.text)
        whole, text = whole.lower(), self.text.lower()
        return whole.endswith(text) if self.to_end else text in whole


def read_pattern(text: str) -> Pattern:
    """The pattern that a person writes with `*`."""
    to_end = not text.endswith("*")
    rest = text if to_end else text[:-1]
    from_start = not rest.startswith("*")
    return Pattern(rest if from_start else rest[1:], from_start, to_end)


class Searched(Protocol):
    """What a search reads of a call."""

    @property
    def call_id(self) -> str: ...
    @property
    def endpoint(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def rule(self) -> str | None: ...
    @property
    def profile(self) -> str | None: ...
    @property
    def called(self) -> str: ...
    @property
    def caller(self) -> str: ...
    @property
    def caller_name(self) -> str | None: ...
    @property
    def country(self) -> str | None: ...
    @property
    def received_at(self) -> int: ...


def passes(call: Searched, wanted: Wanted) -> bool:
    """Whether a call is wanted, but for its headers and its transcript."""
    if wanted.since is not None and call.received_at < wanted.since:
        return False
    if wanted.until is not None and call.received_at >= wanted.until:
        return False
    if wanted.decision not in (None, call.kind):
        return False
    for name in EXACT[2:]:
        if getattr(wanted, name) not in (None, getattr(call, name) or ""):
            return False
    for pattern, number in ((wanted.called, call.called), (wanted.caller, call.caller)):
        if pattern is not None and not read_pattern(pattern).matches(number):
            return False
    return wanted.q is None or mentions(call, wanted.q)


def mentions(call: Searched, text: str) -> bool:
    """Whether a call has the text where people look for it."""
    lower = text.lower()
    texts = (call.called, call.caller, call.caller_name or "")
    return call.call_id.startswith(text) or any(lower in one.lower() for one in texts)


def has_header(headers: list[tuple[str, str]], wanted: Header) -> bool:
    """Whether one of a call's headers is the wanted one."""
    name = wanted.name.lower()
    pattern = read_pattern(wanted.value) if wanted.value is not None else None
    return any(found.lower() == name and (pattern is None or pattern.matches(value)) for found, value in headers)
