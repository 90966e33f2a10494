"""Reading a rule: its conditions and its decision. The rest of the document is read by `document`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from routing_rules.conditions import (
    ATTESTATIONS,
    MEDIA,
    ORDER,
    ActiveBelow,
    Condition,
    During,
    FactIs,
    HeaderIs,
    NumberIs,
    RateBelow,
    Share,
)
from routing_rules.countries import COUNTRIES
from routing_rules.facts import PER
from routing_rules.patterns import ABSENT, ANONYMOUS, header_pattern, number_pattern
from routing_rules.places import Place
from routing_rules.problem import ReadingError
from routing_rules.rule import Accept, Decision, Ignore, Refer, Reject, Rule
from routing_rules.targets import target_mistake

Value = TypeVar("Value")

# Ids and names stand in URLs, metrics and file names, hence the narrow alphabet; 64 keeps them readable there.
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")  # a token, RFC 3261 section 25.1
DAY = 86_400
# Far above any trunk's size: only there to catch a number meant for another field.
MOST_CALLS = 1_000_000
# A fallback of a fallback of a fallback is beyond what anybody can foresee.
MAX_FALLBACKS = 3

_RULE_FIELDS = ("id", "note", "enabled", "when", "unless", "then")
_DECISIONS = ("accept", "reject", "refer", "ignore")
_BESIDE = {
    "fallback": "a fallback stands beside the decision, not in it: { refer = { … }, fallback = { reject = 480 } }"
}
_ACCEPT_FIELDS = ("profile", "instructions", "greeting", "max_seconds", "metadata")


def slug(text: str) -> str:
    """Check an id or name; raises `ReadingError`."""
    if not _SLUG.fullmatch(text):
        raise ReadingError(
            "malformed_name", "1 to 64 lower-case letters, digits, - and _, beginning with a letter or digit"
        )
    return text


def read_rule(place: Place) -> Rule:
    """Read one rule."""
    fields = place.table(_RULE_FIELDS, required=("id", "then"))
    return Rule(
        id=fields["id"].read(slug, "") if "id" in fields else "",
        when=read_conditions(fields["when"]) if "when" in fields else (),
        unless=read_conditions(fields["unless"], exceptions=True) if "unless" in fields else (),
        then=read_decision(fields["then"]) if "then" in fields else Ignore(),
        note=fields["note"].text() if "note" in fields else "",
        enabled=fields["enabled"].truth() if "enabled" in fields else True,
    )


# ---- conditions


def read_conditions(place: Place, *, exceptions: bool = False) -> tuple[Condition, ...]:
    """Read the conditions of `when`, or the `exceptions` of `unless`, into their canonical order."""
    fields = place.table(ORDER)
    found: list[Condition] = []
    for name in sorted(fields, key=ORDER.index):
        if exceptions and name in {"active_below", "rate_below"}:
            # A rule starts with no calls at all, so this would exclude every one.
            fields[name].wrong("never_matches", f"{name} belongs into when: as an exception it lets no call in")
        found += _CONDITIONS[name](fields[name])
    return tuple(found)


def _values(place: Place, reader: Callable[[str], Value], otherwise: Value) -> tuple[Value, ...]:
    """One value or a list of them, without repetitions."""
    if isinstance(place.value, str):  # nearly always
        return (place.read(reader, otherwise),)
    return tuple(dict.fromkeys(item.read(reader, otherwise) for item in place.one_or_many()))


def _called(place: Place) -> list[Condition]:
    patterns = _values(place, number_pattern, ABSENT)
    if ANONYMOUS in patterns:
        place.wrong("malformed_pattern", "only a caller can be anonymous")
    return [NumberIs(name="called", patterns=patterns)]


def _caller(place: Place) -> list[Condition]:
    return [NumberIs(name="caller", patterns=_values(place, number_pattern, ABSENT))]


def _country(place: Place) -> list[Condition]:
    return [FactIs(name="country", values=_values(place, _region, ""))]


def _region(text: str) -> str:
    region = text.upper()
    if region not in COUNTRIES:
        hint = "; the United Kingdom is GB" if region == "UK" else ""
        raise ReadingError("unknown_country", f"write the two letters of ISO 3166, such as US or DE{hint}")
    return region


def _endpoint(place: Place) -> list[Condition]:
    return [FactIs(name="endpoint", values=_values(place, slug, ""))]


def _media(place: Place) -> list[Condition]:
    return [FactIs(name="media", values=_choices(place, MEDIA))]


def _attestation(place: Place) -> list[Condition]:
    return [FactIs(name="attestation", values=_choices(place, ATTESTATIONS))]


def _choices(place: Place, allowed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.choice(allowed) for item in place.one_or_many()))


def _headers(place: Place) -> list[Condition]:
    found: dict[str, Condition] = {}
    for name, value in place.members().items():
        header = name.lower()
        if not _HEADER_NAME.fullmatch(name):
            value.wrong("malformed_header_name", "a header's name is letters, digits and - (RFC 3261), without colon")
        if header in found:
            value.wrong(
                "duplicate_header", "names compare in any case, so this is there twice; join the values in a list"
            )
        found[header] = HeaderIs(header=header, patterns=_values(value, header_pattern, ABSENT))
    if place.value == {}:
        place.wrong("empty_list", "name a header, or leave the condition off")
    return [found[header] for header in sorted(found)]


def _during(place: Place) -> list[Condition]:
    return [During(calendars=_values(place, slug, ""))]


def _share(place: Place) -> list[Condition]:
    return [Share(percent=place.number(0, 100))]


def _active_below(place: Place) -> list[Condition]:
    return [ActiveBelow(calls=place.whole(1, MOST_CALLS))]


def _rate_below(place: Place) -> list[Condition]:
    names = ("per", "calls", "seconds")
    fields = place.table(names, required=names)
    if len(fields) < len(names):
        return []
    calls, seconds = fields["calls"].whole(1, MOST_CALLS), fields["seconds"].whole(1, DAY)
    return [RateBelow(per=fields["per"].choice(PER), calls=calls, seconds=seconds)]


_CONDITIONS: dict[str, Callable[[Place], list[Condition]]] = {
    "called": _called,
    "caller": _caller,
    "country": _country,
    "endpoint": _endpoint,
    "media": _media,
    "attestation": _attestation,
    "header": _headers,
    "during": _during,
    "share": _share,
    "active_below": _active_below,
    "rate_below": _rate_below,
}


# ---- decisions


def read_decision(place: Place, depth: int = 0) -> Decision:
    """Read a decision with its fallbacks."""
    fields = place.table((*_DECISIONS, "fallback"))
    kinds = [kind for kind in _DECISIONS if kind in fields]
    if len(kinds) != 1:
        if isinstance(place.value, dict) and len(fields) == len(place.value):
            place.wrong("not_one_decision", "name exactly one of accept, reject, refer and ignore")
        return Ignore()
    fallback = None
    if "fallback" in fields:
        if depth == MAX_FALLBACKS:
            fields["fallback"].wrong("too_deep", f"at most {MAX_FALLBACKS} fallbacks one behind the other")
        else:
            fallback = read_decision(fields["fallback"], depth + 1)
    return _READERS[kinds[0]](fields[kinds[0]], fallback)


def _accept(place: Place, fallback: Decision | None) -> Accept:
    if isinstance(place.value, str):
        return Accept(profile=place.read(slug, ""), fallback=fallback)
    fields = place.table(_ACCEPT_FIELDS, required=("profile",), advice=_BESIDE)
    return Accept(
        profile=fields["profile"].read(slug, "") if "profile" in fields else "",
        instructions=fields["instructions"].text() if "instructions" in fields else None,
        greeting=fields["greeting"].text() if "greeting" in fields else None,
        max_seconds=fields["max_seconds"].whole(1, DAY) if "max_seconds" in fields else None,
        metadata=_metadata(fields["metadata"]) if "metadata" in fields else None,
        fallback=fallback,
    )


def _metadata(place: Place) -> dict[str, str]:
    return {name: value.text() for name, value in place.members().items()}


def _reject(place: Place, fallback: Decision | None) -> Reject:
    if isinstance(place.value, dict):
        fields = place.table(("status",), advice=_BESIDE)
        if "status" not in fields:
            return Reject(fallback=fallback)
        place = fields["status"]
    status = place.whole(400, 699)
    if status in {401, 407}:
        place.wrong("out_of_range", "401 and 407 ask for credentials, which this caller cannot send; use 403 or 603")
    return Reject(status=status, fallback=fallback)


def _refer(place: Place, fallback: Decision | None) -> Refer:
    profile = None
    if isinstance(place.value, dict):
        fields = place.table(("to", "profile"), required=("to",), advice=_BESIDE)
        profile = fields["profile"].read(slug, "") if "profile" in fields else None
        if "to" not in fields:
            return Refer(to=(), fallback=fallback)
        place = fields["to"]
    return Refer(to=_values(place, _target, ""), profile=profile, fallback=fallback)


def _target(text: str) -> str:
    if mistake := target_mistake(text):
        raise ReadingError("malformed_target", mistake)
    return text


def _ignore(place: Place, fallback: Decision | None) -> Ignore:
    if place.value is not True:
        place.wrong("wrong_type", "write ignore = true")
    if fallback is not None:
        place.wrong("not_allowed", "ignore sends nothing that could be refused, so it has no fallback")
    return Ignore()


_READERS: dict[str, Callable[[Place, Decision | None], Decision]] = {
    "accept": _accept,
    "reject": _reject,
    "refer": _refer,
    "ignore": _ignore,
}
