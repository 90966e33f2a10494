"""A large contact center's rule table and its calls, drawn with a fixed seed.

The mix, in parts of a hundred: 38 one number (half of them in office hours only), 15 number blocks (prefixes), 10 a
caller at a number, 10 caller areas, 10 a tenant's header at a number block, 5 a header prefix, 4 a list of callers at a
number, 4 a country at a number block, 4 a number outside hours. One rule in a thousand, 100 in 100,000, has a regex on
the number, the caller or a header instead.
"""

import random
import re
from collections.abc import Callable
from typing import Any

from routing_rules import CallFacts

Document = dict[str, Any]
Row = tuple[dict[str, Any], dict[str, Any]]  # when, unless

TENANTS, LISTS, LIST_SIZE, CALENDARS = 2_000, 50, 400, 40
COUNTRIES = ("US", "DE", "GB", "FR", "AT", "CH", "ES", "IT", "NL", "PL")
# What a carrier puts beside the headers that matter (shortened from a published sample INVITE).
USUAL_HEADERS = (
    ("Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds"),
    ("From", '"Alice" <sip:+14155551111@example.pstn.example.com>;tag=1'),
    ("To", "<sip:proj_123@sip.example.com;transport=tls>"),
    ("Call-ID", "a84b4c76e66710"),
    ("CSeq", "851287 INVITE"),
    ("Max-Forwards", "63"),
    ("Contact", "<sip:+14155551111@192.0.2.10:5060>"),
    ("Content-Type", "application/sdp"),
    ("Diversion", '"Sales" <sip:+14155550000@example.com>;reason=unconditional'),
    ("X-Twilio-CallSid", "CA0123456789abcdef0123456789abcdef"),
)


def rule_table(size: int, seed: int = 7) -> Document:
    """A document of `size` rules."""
    draw = random.Random(seed)
    kinds: list[Callable[[random.Random], Row]] = [
        *[_number] * 19, *[_number_in_hours] * 19, *[_block] * 15, *[_caller_at_number] * 10, *[_caller_area] * 10,
        *[_tenant_at_block] * 10, *[_header_prefix] * 5, *[_listed_at_number] * 4, *[_country_at_block] * 4,
        *[_outside_hours] * 4,
    ]  # fmt: skip
    regex_at = set(draw.sample(range(size), size // 1_000))
    rules = []
    for position in range(size):
        when, unless = (_regex if position in regex_at else draw.choice(kinds))(draw)
        rule = {"id": f"r{position}", "when": when, "then": {"accept": "agent"}}
        rules.append(rule | {"unless": unless} if unless else rule)
    return {
        "profiles": {"agent": {"model": "gpt-realtime-2.1"}},
        "calendars": {
            f"office-{index}": {"zone": "Europe/Berlin", "open": ["Mon-Fri 08:00-18:00", f"Sat 09:{index:02}-14:00"]}
            for index in range(CALENDARS)
        },
        "lists": {f"list-{index}": [_telephone(draw) for _ in range(LIST_SIZE)] for index in range(LISTS)},
        "rules": rules,
    }


def calls(document: Document, count: int, seed: int = 11) -> list[CallFacts]:
    """Calls of which nine in ten are meant by some rule of the table, drawn evenly; the rest are strangers."""
    draw = random.Random(seed)
    return [_call(draw, document, number) for number in range(count)]


def _call(draw: random.Random, document: Document, number: int) -> CallFacts:
    when = draw.choice(document["rules"])["when"] if draw.random() < 0.9 else {}
    called, caller = when.get("called", ""), when.get("caller", "")
    if caller.startswith("list:"):
        caller = draw.choice(document["lists"][caller.removeprefix("list:")])
    headers = list(USUAL_HEADERS)
    tenant = when.get("header", {}).get("X-Tenant") or f"tenant-{draw.randrange(TENANTS)}"
    campaign = when.get("header", {}).get("X-Campaign") or f"c{draw.randrange(1_000_000)}-web"
    headers += [("X-Tenant", tenant), ("X-Campaign", _completed(draw, campaign))]
    return CallFacts(
        call_id=f"rtc_{number}",
        called=_completed(draw, called) or _telephone(draw),
        caller=_completed(draw, caller) or _telephone(draw),
        country=when.get("country") or draw.choice(COUNTRIES),
        headers=tuple(headers),
        media="srtp",
    )


def _completed(draw: random.Random, pattern: str) -> str:
    """A text that the pattern matches."""
    if pattern.startswith("re:"):
        pattern = re.sub(r"\(\?:(\d+)\|\d+\)", r"\1", pattern[3:])  # the first of two area codes
        return pattern.replace("\\+", "+").replace("[0-4]\\d*", f"{draw.randrange(5)}123").replace(".*", "x")
    if pattern.endswith("*"):
        length = max(0, 13 - len(pattern))
        return pattern[:-1] + "".join(draw.choices("0123456789", k=length))
    return pattern


def _telephone(draw: random.Random) -> str:
    return f"+1{draw.randrange(2_000_000_000, 10_000_000_000)}"


def _prefix(draw: random.Random) -> str:
    return _telephone(draw)[: draw.randint(7, 10)] + "*"


def _calendar(draw: random.Random) -> str:
    return f"office-{draw.randrange(CALENDARS)}"


def _tenant(draw: random.Random) -> str:
    return f"tenant-{draw.randrange(TENANTS)}"


def _number(draw: random.Random) -> Row:
    return {"called": _telephone(draw)}, {}


def _number_in_hours(draw: random.Random) -> Row:
    return {"called": _telephone(draw), "during": _calendar(draw)}, {}


def _block(draw: random.Random) -> Row:
    return {"called": _prefix(draw)}, {}


def _caller_at_number(draw: random.Random) -> Row:
    return {"called": _telephone(draw), "caller": _telephone(draw)}, {}


def _caller_area(draw: random.Random) -> Row:
    return {"caller": _prefix(draw)}, {}


def _tenant_at_block(draw: random.Random) -> Row:
    return {"called": _prefix(draw), "header": {"X-Tenant": _tenant(draw)}}, {}


def _header_prefix(draw: random.Random) -> Row:
    return {"header": {"X-Campaign": f"c{draw.randrange(1_000_000)}-*"}}, {}


def _listed_at_number(draw: random.Random) -> Row:
    return {"called": _telephone(draw), "caller": f"list:list-{draw.randrange(LISTS)}"}, {}


def _country_at_block(draw: random.Random) -> Row:
    return {"called": _prefix(draw), "country": draw.choice(COUNTRIES)}, {}


def _outside_hours(draw: random.Random) -> Row:
    return {"called": _telephone(draw)}, {"during": _calendar(draw)}


def _regex(draw: random.Random) -> Row:
    """One that begins with a literal, one with little of it, one with none at all."""
    kind, number = draw.randrange(3), _telephone(draw)
    if kind == 0:
        return {"called": f"re:\\{number[:7]}[0-4]\\d*"}, {}
    if kind == 1:
        return {"caller": f"re:\\+1(?:{number[2:5]}|{_telephone(draw)[2:5]}){number[5:8]}[0-4]\\d*"}, {}
    return {"header": {"X-Campaign": f"re:.*-special-{draw.randrange(1_000)}"}}, {}
