"""May a call be transferred there? The guard against toll fraud by REFER.

A transfer makes the operator of the trunk pay for a second leg, for as long as the fraudster likes; whoever earns by
the called number (international revenue share fraud) needs only one rule, or one stolen key, that transfers to it. So
every target passes this guard when a rulebook is published and again when the transfer is sent, and what it allows
stands in the server's configuration, out of reach of every API key.

Two modes, by GATEWAY_REFER_ALLOW:

    unset   guarded: every valid number of an ordinary kind, and every user at a named host, but nothing hazardous
    set     only what its patterns name; an empty one allows no transfer at all

        +4930901820            that number, whatever it is
        +4930*                 numbers that begin so, but nothing hazardous; +* is every number
        country:DE             numbers of that region, of an ordinary kind
        sales@pbx.example.com  that user at that host, whatever it is
        *@pbx.example.com      any user at that host, but no hazardous number

Hazardous is what looks cheap and is not, or pays whoever is called:
- Special rates: premium, shared cost, personal (UK 070), universal access, pagers, voicemail, and North America's 900
  and 976. Only the number in full, or the user in full, opens one.
- Ranges that libphonenumber calls "mobile" or "VoIP": satellite and other networks of no country (+870, +881, +882 …)
  and Ascension (+247).
- North America's country code beyond the United States, their territories (domestic rates by 47 U.S.C. §254(g)) and
  Canada. +1876 reads like an area code of the neighbourhood and is Jamaica; these islands are the oldest trick of this
  fraud, and "allow +1" or "deny premium numbers" lets them all through. Guarded mode refuses them too.
A wide pattern does not open a hazardous range by accident: `+1*` leaves Jamaica closed, `+1876*` and `country:JM` open
it. Numbers in the user part of a SIP target count as well: sip:+1876…@trunk.example.com is dialled by the trunk.

Guarded mode is a seat belt, no policy: any country's ordinary numbers can be turned to fraud, and digits without an
international prefix mean what the PBX makes of them. Whoever transfers to few destinations should name them.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.calls.numbers import country, kind
from gateway.errors import ConfigurationError
from routing_rules.countries import COUNTRIES
from routing_rules.targets import target_mistake

SETTING: Final = "GATEWAY_REFER_ALLOW"

ORDINARY: Final = frozenset({"fixed_line", "mobile", "fixed_line_or_mobile", "voip", "toll_free"})

# Area code 555 is reserved and in nobody's hands. Documentation and trials live there; a transfer to it can only fail.
_EXAMPLE = re.compile(r"\+1555[0-9]{7}")
# 976 as the exchange of any area code is pay-per-call; plans list these numbers as ordinary ones.
_NORTH_AMERICAN_976 = re.compile(r"\+1[2-9][0-9]{2}976[0-9]{4}")

_ISLANDS = (
    "242 BS, 246 BB, 264 AI, 268 AG, 284 VG, 345 KY, 441 BM, 473 GD, 649 TC, 658 JM, 664 MS, 721 SX, 758 LC, 767 DM, "
    "784 VC, 809 DO, 829 DO, 849 DO, 868 TT, 869 KN, 876 JM"
)
_NO_COUNTRYS_NETWORKS = ("800", "808", "870", "878", "881", "882", "883", "888", "979", "991")

# What a person may write into the user part to have an international number dialled: +, 00 or 011 before it, or, with
# ten digits and more, nothing.
_DIALLED = re.compile(r"(?P<prefix>\+|\+?0+(?:11)?)?(?P<number>[1-9][0-9]{6,14})")
_SEPARATORS = str.maketrans("", "", "-.()")
_SHORTEST_WITHOUT_PREFIX = 10

_NUMBER = re.compile(r"\+[1-9][0-9]{1,14}")
_PREFIX = re.compile(r"(\+(?:[1-9][0-9]{0,13})?)\*")
_COUNTRY = re.compile(r"country:([A-Z]{2})")


class _Hazard(NamedTuple):
    """Why a number is hazardous, and what opens it."""

    why: str  # the end of a sentence that begins with the number
    fence: str = ""  # a prefix pattern opens it if it begins so; "" if only the number in full does
    region: str = ""  # `country:` of this region opens it; "" if none does


def _fences() -> dict[str, _Hazard]:
    """The hazardous ranges, by their first digits: four or five characters with the plus."""
    fences = {}
    for code in _NO_COUNTRYS_NETWORKS:
        fences[f"+{code}"] = _Hazard(f"lies in a satellite or global network (+{code})", f"+{code}")
    fences["+247"] = _Hazard("is on Ascension, which is reached by satellite", "+247", "AC")
    fences["+1600"] = _Hazard("is a Canadian number of no place, among them satellite telephones", "+1600")
    fences["+1900"] = _Hazard("is a premium-rate number")
    for entry in _ISLANDS.split(", "):
        area, region = entry.split()
        why = f"is billed as an international call (+1{area} is {region}, not the United States or Canada)"
        fences[f"+1{area}"] = _Hazard(why, f"+1{area}", region)
    return fences


_FENCES: Final = _fences()


class ReferGuard:
    """Answers why a transfer target is refused, or None if it is allowed."""

    def __init__(self, allow: Sequence[str] | None) -> None:
        """`allow` holds the patterns of GATEWAY_REFER_ALLOW, None for guarded mode; raise ConfigurationError."""
        self._guarded = allow is None
        self._numbers: set[str] = set()
        self._prefixes: set[str] = set()
        self._countries: set[str] = set()
        self._users: set[str] = set()  # user@host
        self._hosts: set[str] = set()
        for pattern in allow or ():
            self._allow(pattern)

    def __call__(self, target: str) -> str | None:
        """Why the target (a tel:, sip: or sips: URI) is refused, in one sentence with the remedy; None if it is not."""
        if mistake := target_mistake(target):
            return mistake
        scheme, _, rest = target.partition(":")
        return self._number_refusal(rest) if scheme == "tel" else self._sip_refusal(rest)

    def _allow(self, pattern: str) -> None:
        """Add one pattern of the setting."""
        if _NUMBER.fullmatch(pattern):
            self._numbers.add(pattern)
        elif match := _PREFIX.fullmatch(pattern):
            self._prefixes.add(match[1])
        elif (match := _COUNTRY.fullmatch(pattern)) and match[1] in COUNTRIES:
            self._countries.add(match[1])
        elif ";" not in pattern and target_mistake(f"sip:{pattern}") is None:
            user, _, host = _with_plain_host(pattern).rpartition("@")
            if user == "*":
                self._hosts.add(host)
            else:
                self._users.add(f"{user}@{host}")
        else:
            raise ConfigurationError(
                f"{SETTING}: {pattern!r} is no pattern; write +4930901820, +4930*, country:DE, "
                "sales@pbx.example.com or *@pbx.example.com, separated by commas"
            )

    def _number_refusal(self, number: str) -> str | None:
        if number in self._numbers:
            return None
        hazard = _hazard(number)
        if self._guarded:
            if hazard:
                return _refusal(number, hazard)
            if kind(number) in ORDINARY or _EXAMPLE.fullmatch(number):
                return None
            return f"{number} is not a valid telephone number; if it is one, add it to {SETTING}"
        if any(number.startswith(prefix) and _opens(prefix, hazard) for prefix in self._prefixes):
            return None
        region = hazard.region if hazard else country(number)
        if region in self._countries and (hazard is None or hazard.region):
            return None
        return (
            _refusal(number, hazard)
            if hazard
            else f"{number} is not allowed by {SETTING}; add it there, or a prefix of it"
        )

    def _sip_refusal(self, rest: str) -> str | None:
        address = _with_plain_host(rest.partition(";")[0])
        user, _, host = address.rpartition("@")
        if address in self._users:
            return None
        if not (self._guarded or host in self._hosts):
            return f"{address} is not allowed by {SETTING}; add it there, or *@{host}"
        number = _dialled(user)
        hazard = _hazard(number) if number else None
        return _refusal(f"{number} in {address}", hazard, remedy=address) if hazard else None


def _with_plain_host(address: str) -> str:
    """user@host without a port, the host in lower case; users compare exactly (RFC 3261 section 19.1.4)."""
    user, _, host = address.rpartition("@")
    return f"{user}@{host.partition(':')[0].lower()}"


def _dialled(user: str) -> str | None:
    """The international number that a trunk may dial for this user part, in E.164; None if there is none."""
    match = _DIALLED.fullmatch(user.translate(_SEPARATORS))
    if not match or not (match["prefix"] or len(match["number"]) >= _SHORTEST_WITHOUT_PREFIX):
        return None
    return f"+{match['number']}"


def _hazard(number: str) -> _Hazard | None:
    """Why the number is hazardous, None if it is not (or not valid, which harms nobody)."""
    fence = _FENCES.get(number[:4]) or _FENCES.get(number[:5])
    if fence:
        return fence
    of_kind = kind(number)
    if of_kind not in ORDINARY and of_kind != "unknown":
        return _Hazard(f"is of the kind {of_kind.replace('_', ' ')}, at special rates")
    if _NORTH_AMERICAN_976.fullmatch(number):
        return _Hazard("is a pay-per-call number (exchange 976)")
    return None


def _opens(prefix: str, hazard: _Hazard | None) -> bool:
    """Whether a prefix pattern that fits the number is narrow enough to mean it."""
    return hazard is None or (hazard.fence != "" and prefix.startswith(hazard.fence))


def _refusal(subject: str, hazard: _Hazard, *, remedy: str = "") -> str:
    ways = [remedy or subject]
    if hazard.fence and not remedy:
        ways.append(f"{hazard.fence}*")
    if hazard.region and not remedy:
        ways.append(f"country:{hazard.region}")
    return f"{subject} {hazard.why}; to allow it, {SETTING} must name {' or '.join(ways)}"
