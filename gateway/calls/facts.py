"""From the SIP headers of a call to its facts: who was called, who calls, and how far that may be believed.

Called and caller. Each comes from a configured list of headers. The first header, in the order of the list, that holds
a telephone number gives it; if none does, the user part of the first URI is taken as text. So on Twilio's Elastic
trunks, where `To` holds the project (`sip:proj_…@sip.api.openai.com`), the dialled number is found in `Diversion`.

Anonymous callers. No number is given where the caller withheld it: a From of `anonymous@anonymous.invalid` or another
customary word (RFC 3323), a Privacy header that asks for it (RFC 3323, RFC 3325), one of the words spelt on a keypad,
as Twilio does (+266696687 is ANONYMOUS), or nothing to read at all. `caller` is then "", also if another header has it.

Attestation. Whoever knows the project's id can send any header, so the result of a STIR/SHAKEN check is read only from
the header that the operator named as written by the trunk. It is either the whole value (Twilio's X-Twilio-VerStat) or
a `verstat` parameter of an address (3GPP TS 24.229), which carriers put before the `@`, after it, or after the bracket.
A caller can smuggle in a second header or parameter: of several results the least flattering counts, a header without
one being one, and a result beside a number other than the caller's says nothing of the caller.

Every text that leaves here can be stored: PostgreSQL refuses NUL, and UTF-8 has no lone surrogates.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import msgspec

from gateway.calls.addresses import Address, parse_addresses
from gateway.calls.numbers import Number, read_number
from routing_rules import CallFacts

_COMPACT_FORMS = {"f": "from", "t": "to"}  # RFC 3261 section 7.3.3, of the headers that we read
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

_WITHHELD_WORDS = frozenset(
    {"anonymous", "blocked", "id-unavailable", "nonumber", "none", "null", "private"}
    | {"restricted", "unavailable", "unknown", "withheld"}
)
_KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_WITHHELD_NUMBERS = frozenset(
    word.translate(_KEYPAD) for word in ("anonymous", "blocked", "restricted", "unavailable", "unknown")
)
_PRIVATE = frozenset({"id", "user", "full"})  # RFC 3325, RFC 3323, and `full` from the drafts that Cisco still sends
_ANONYMOUS_HOST = "anonymous.invalid"  # RFC 3323 section 4.1.1.3

# The values of 3GPP TS 24.229, Twilio's and Telnyx's. Of a failure the rest does not matter.
_VERSTAT = re.compile(
    r"tn-validation-(?:(failed)(?:-.*)?|passed(?:-([abc]))?(?:-diverted|-passthrough)?)", re.IGNORECASE | re.DOTALL
)
_LEAST_FLATTERING_FIRST = ("failed", "none", "C", "B", "A")


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadCall:
    """The facts of a call, and what people want to see beside them."""

    facts: CallFacts
    caller_name: str | None  # the caller's display name, None if none or withheld; claimed, but fit for display
    called_header: str | None  # the configured header that gave `called`, in lower case; None if none did
    caller_header: str | None  # likewise


class Party(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One end of the call, as a header told it."""

    header: str
    address: Address
    number: Number | None


def read_facts(
    *,
    call_id: str,
    headers: Sequence[tuple[str, str]],
    media: str | None,
    endpoint: str,
    called_headers: Sequence[str],
    caller_headers: Sequence[str],
    default_region: str | None,
    attestation_header: str | None,
) -> ReadCall:
    """Read the facts of a call from its SIP headers; whatever they hold, this does not raise.

    `called_headers` and `caller_headers` are names in order of preference, `default_region` the region (ISO 3166-1
    alpha-2) of numbers without a plus, `attestation_header` the only header whose `verstat` is believed.
    """
    kept = storable_headers(headers)
    values = by_name(kept)
    called = find_party(_addresses(values, called_headers), default_region)
    caller = None
    if not asks_for_privacy(values.get("privacy", ())):
        given = (pair for pair in _addresses(values, caller_headers) if not is_withheld(pair[1]))
        caller = find_party(given, default_region)
    vouching = values.get(attestation_header.lower(), ()) if attestation_header else ()
    facts = CallFacts(
        call_id=call_id,
        called=_name_of(called),
        caller=_name_of(caller),
        called_uri=called.address.user_at_host if called else "",
        caller_uri=caller.address.user_at_host if caller else "",
        anonymous=caller is None,
        country=caller.number.country if caller and caller.number else None,
        headers=kept,
        media=storable(media) if media is not None else None,
        endpoint=endpoint,
        attestation=_attestation(vouching, caller, default_region),
    )
    return ReadCall(
        facts=facts,
        caller_name=(caller.address.display_name or None) if caller else None,
        called_header=called.header if called else None,
        caller_header=caller.header if caller else None,
    )


def storable(text: str) -> str:
    """The text with U+FFFD for what no database stores."""
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def storable_headers(headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers as they can be stored; nearly all are as they are, which one look at all of them tells."""
    if storable(text := "".join(chain.from_iterable(headers))) is text:
        return tuple(headers)
    return tuple([(storable(name), storable(value)) for name, value in headers])


def by_name(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The values of each header, in order, under its name in lower case and full length."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        key = name.lower()
        values.setdefault(_COMPACT_FORMS.get(key, key), []).append(value)
    return values


def _addresses(values: Mapping[str, Sequence[str]], names: Iterable[str]) -> Iterator[tuple[str, Address]]:
    """Every address in the named headers that has a user part, with its header, in order of preference."""
    for name in names:
        header = name.lower()
        for value in values.get(header, ()):
            for address in parse_addresses(value):
                if address.user:
                    yield header, address


def find_party(candidates: Iterable[tuple[str, Address]], region: str | None) -> Party | None:
    """The first candidate with a telephone number, else the first, else None."""
    first = None
    for header, address in candidates:
        number = read_number(dialled(address), region)
        if number:
            return Party(header=header, address=address, number=number)
        first = first or Party(header=header, address=address, number=None)
    return first


def dialled(address: Address) -> str:
    """The user part, made global where a parameter names the global prefix it is local to (RFC 3966 section 5.1.5)."""
    if "phone-context" in address.parameter_text and not address.user.startswith("+"):
        for context in address.parameters("phone-context"):
            if context.startswith("+"):
                return context + address.user
    return address.user


def _name_of(party: Party | None) -> str:
    """The party as the rules know it: its number in E.164, else its user part, else ""."""
    if party is None:
        return ""
    return party.number.e164 if party.number else party.address.user


def is_withheld(address: Address) -> bool:
    """Whether the address only says that the caller is not told."""
    user = address.user.lower()
    return user in _WITHHELD_WORDS or user.removeprefix("+") in _WITHHELD_NUMBERS or address.host == _ANONYMOUS_HOST


def asks_for_privacy(values: Iterable[str]) -> bool:
    """Whether a Privacy header asks that the caller's identity be not shown."""
    return any(not _PRIVATE.isdisjoint(value.lower().replace(" ", "").split(";")) for value in values)


def _attestation(values: Iterable[str], caller: Party | None, region: str | None) -> str:
    """The least flattering STIR/SHAKEN result of the header's values, or "none" if there are none."""
    return _least_flattering([_vouched(value, caller, region) for value in values])


def _vouched(value: str, caller: Party | None, region: str | None) -> str:
    """The result in one header value: the value itself, or the `verstat` parameters of its addresses."""
    addresses = parse_addresses(value)
    if not addresses:
        return _result(value.strip())
    results = []
    for address in addresses:
        results += [_result(verstat) for verstat in address.parameters("verstat")]
        if caller and caller.number and caller.number != read_number(dialled(address), region):
            results.append("none")
    return _least_flattering(results)


def _result(verstat: str) -> str:
    """A verstat value as an attestation; anything unknown is "none", as is No-TN-Validation."""
    match = _VERSTAT.fullmatch(verstat)
    if not match:
        return "none"
    return "failed" if match[1] else (match[2] or "A").upper()  # Telnyx writes Passed alone for A


def _least_flattering(results: Sequence[str]) -> str:
    return min(results, key=_LEAST_FLATTERING_FIRST.index, default="none")
