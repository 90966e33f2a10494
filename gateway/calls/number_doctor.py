"""The number doctor: how each configured header was read, and which of them gave the number.

It shows the way from the header as received, over the address in it and the number that this stands for, to what the
rules compare, and says in words where that way ended. What is chosen is not decided here but by `gateway.calls.facts`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.calls.addresses import LONGEST_VALUE, Address, parse_addresses
from gateway.calls.facts import asks_for_privacy, by_name, dialled, find_party, is_withheld, storable
from gateway.calls.numbers import SHORTEST_NATIONAL, country, e164, read_number

Values = Mapping[str, Sequence[str]]  # of headers, by name in lower case

_NOT_A_DIGIT: Final = re.compile(r"[^0-9]")
_NUMBER_LIKE: Final = re.compile(r"\+?\(?[0-9][0-9 ()./-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One address of a configured header, or the header itself where it holds none."""

    header: str | None  # in lower case; None for what was given without a header
    value: str | None  # as received; None where the call has no such header
    address: str = ""  # user@host, or the one of them that there is; "" where none could be read
    number: str | None = None  # in E.164; None where the address stands for none
    compared: str = ""  # what the rules compare if this is chosen; "" if it cannot be
    chosen: bool = False  # whether the rules compare it
    why: str | None = None  # why it yields no number, in words


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """How a call's numbers were read, header by header in the configured order."""

    called: tuple[Reading, ...]
    caller: tuple[Reading, ...]


class _Found(NamedTuple):
    """An address on its way to a number."""

    header: str
    value: str | None
    address: Address | None
    obstacle: str | None  # why it is not even considered


def examine_numbers(
    *,
    headers: Iterable[tuple[str, str]],
    called_headers: Sequence[str],
    caller_headers: Sequence[str],
    default_region: str | None,
) -> Diagnosis:
    """How `gateway.calls.facts.read_facts` comes to called and caller; the arguments are the same."""
    values = by_name((storable(name), storable(value)) for name, value in headers)
    called = list(_found(values, called_headers))
    private = asks_for_privacy(values.get("privacy", ()))
    caller = [_hidden(found, private) for found in _found(values, caller_headers)]
    regions = tuple(dict.fromkeys(_regions([*called, *caller])))
    return Diagnosis(
        called=_readings(called, default_region, regions), caller=_readings(caller, default_region, regions)
    )


def _found(values: Values, names: Iterable[str]) -> Iterator[_Found]:
    for name in names:
        header = name.lower()
        for value in values.get(header, ()):
            addresses = parse_addresses(value)
            for address in addresses:
                yield _Found(header, value, address, None if address.user else "the address has no user part")
            if not addresses:
                yield _Found(header, value, None, _unreadable(value))
        if header not in values:
            yield _Found(header, None, None, "the call has no such header")


def _unreadable(value: str) -> str:
    if len(value) > LONGEST_VALUE:
        return f"it has more than {LONGEST_VALUE:,} characters and is not read"
    return "no address can be read in it"


def _hidden(found: _Found, private: bool) -> _Found:
    """The same for a caller, who may ask not to be known."""
    if found.address is None or found.obstacle:
        return found
    if private:
        return found._replace(obstacle="a Privacy header asks that the caller be not shown")
    if is_withheld(found.address):
        return found._replace(obstacle="it says that the caller's number is withheld")
    return found


def _regions(found: Iterable[_Found]) -> Iterator[str]:
    """The regions of the international numbers in a call: where its national ones may be from."""
    for one in found:
        number = read_number(dialled(one.address)) if one.address else None
        if number and number.country:
            yield number.country


def _readings(found: Sequence[_Found], region: str | None, regions: Sequence[str]) -> tuple[Reading, ...]:
    considered = [(one.header, one.address) for one in found if one.address and one.obstacle is None]
    party = find_party(considered, region)
    # The first one only: equal addresses may be one and the same object.
    chosen = next((one for one in found if party and not one.obstacle and one.address is party.address), None)
    return tuple(_reading(one, one is chosen, region, regions) for one in found)


def _reading(found: _Found, chosen: bool, region: str | None, regions: Sequence[str]) -> Reading:
    header, value, address, obstacle = found
    if address is None:
        return Reading(header=header, value=value, why=obstacle)
    shown = address.user_at_host or address.user or address.host
    if obstacle:
        return Reading(header=header, value=value, address=shown, why=obstacle)
    text = dialled(address)
    number = e164(text, region)
    return Reading(
        header=header,
        value=value,
        address=shown,
        number=number,
        compared=number or address.user,
        chosen=chosen,
        why=None if number else _no_number(text, region, regions),
    )


def _no_number(text: str, region: str | None, regions: Sequence[str]) -> str:
    """Why the text, a user part, is no telephone number."""
    digits = _NOT_A_DIGIT.sub("", text)
    if not _NUMBER_LIKE.fullmatch(text):
        return "it is no telephone number, but a text"
    if text[0] == "+":
        return "it begins with a plus, but no country has numbers of this form"
    if len(digits) < SHORTEST_NATIONAL:
        return "it is too short for a telephone number: an extension or a short code"
    if region:
        return f"dialled in {region}, it is no number"
    would_be = (
        f"with default_region={one} it would be {number}"
        for one in (*regions, country(f"+{digits}"))
        if one and (number := e164(text, one))
    )
    return (
        f"a number without a plus means nothing without a default_region{next((f'; {hint}' for hint in would_be), '')}"
    )
