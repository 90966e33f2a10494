"""The document (JSON or TOML, as plain values) read into a rulebook; one pass finds every mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from routing_rules.calendars import Calendar, Hours, Override, read_hours
from routing_rules.collector import paused
from routing_rules.conditions import ATTESTATIONS
from routing_rules.patterns import list_entry
from routing_rules.places import Place, near
from routing_rules.problem import DocumentError, Problem, ReadingError
from routing_rules.reading import read_decision, read_rule, slug
from routing_rules.rule import Reject, Rule
from routing_rules.rulebook import Expectation, ExpectedCall, Rulebook

_FIELDS = ("profiles", "calendars", "lists", "rules", "default", "expect", "managed_by")
_CALENDAR_FIELDS = ("zone", "open", "closed_on", "holidays", "overrides")
_HEADER_FIELDS = ("name", "value")
_CALL_FIELDS = ("called", "caller", "headers", "at", "endpoint", "media", "attestation")
_NO_HOURS = Hours(days=(), start=0, end=0)
_HOLIDAYS = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,8})?")


def read_document(document: Mapping[str, Any]) -> Rulebook:
    """Read a document as `json` or `tomllib` loads it.

    Raises `DocumentError` with every mistake of form, each with its JSON pointer. Whether names refer to something,
    and whether rules make sense together, is `find_problems`' question.
    """
    problems: list[Problem] = []
    with paused():
        rulebook = _rulebook(Place(document, problems))
    if problems:
        raise DocumentError(problems)
    return rulebook


def _rulebook(place: Place) -> Rulebook:
    fields = place.table(_FIELDS)
    return Rulebook(
        rules=_rules(fields["rules"]) if "rules" in fields else (),
        profiles=_profiles(fields["profiles"]) if "profiles" in fields else {},
        calendars=_calendars(fields["calendars"]) if "calendars" in fields else {},
        lists=_lists(fields["lists"]) if "lists" in fields else {},
        default=read_decision(fields["default"]) if "default" in fields else Reject(),
        expect=tuple(_expectation(item) for item in fields["expect"].items()) if "expect" in fields else (),
        managed_by=fields["managed_by"].read(_manager, "") if "managed_by" in fields else None,
    )


def _manager(text: str) -> str:
    if not 0 < len(text.strip()) == len(text) <= 200 or not text.isprintable():
        raise ReadingError("malformed_manager", "write 1 to 200 characters on one line, such as git:acme/routing")
    return text


def _rules(place: Place) -> tuple[Rule, ...]:
    seen: dict[str, int] = {}
    rules = []
    for index, item in enumerate(place.items()):
        rule = read_rule(item)
        first = seen.setdefault(rule.id, index)
        if first != index and rule.id:
            item.at("id").wrong("duplicate_rule", f"rule {first + 1} has the id {rule.id!r} already; ids are unique")
        rules.append(rule)
    return tuple(rules)


def _named(place: Place) -> dict[str, Place]:
    members = place.members()
    for name, member in members.items():
        try:
            slug(name)
        except ReadingError as mistake:
            member.wrong(mistake.code, f"the name must be {mistake}")
    return members


def _profiles(place: Place) -> dict[str, dict[str, Any]]:
    profiles = {}
    for name, member in _named(place).items():
        member.members()  # reports anything but a table
        profiles[name] = member.plain()
    return profiles


def _lists(place: Place) -> dict[str, tuple[str, ...]]:
    lists = {}
    for name, member in _named(place).items():
        lists[name] = tuple(dict.fromkeys(_entries(member)))
    return lists


def _entries(place: Place) -> list[str]:
    """The entries of a list. Lists are long: places are made only where a mistake must be told."""
    if isinstance(place.value, (list, tuple)) and all(isinstance(text, str) for text in place.value):
        with suppress(ReadingError):
            return [_entry(text) for text in place.value]
    return [item.read(_entry, "") for item in place.items()]


def _entry(text: str) -> str:
    return str(list_entry(text))


def _calendars(place: Place) -> dict[str, Calendar]:
    return {name: _calendar(member) for name, member in _named(place).items()}


def _calendar(place: Place) -> Calendar:
    fields = place.table(_CALENDAR_FIELDS, required=("zone",))
    closed_on = {item.day() for item in fields["closed_on"].items()} if "closed_on" in fields else ()
    return Calendar(
        zone=fields["zone"].read(_zone, "") if "zone" in fields else "",
        open=_hours(fields["open"]) if "open" in fields else (),
        closed_on=tuple(sorted(closed_on)),
        holidays=fields["holidays"].read(_holidays, "") if "holidays" in fields else None,
        overrides=tuple(_override(item) for item in fields["overrides"].items()) if "overrides" in fields else (),
    )


def _hours(place: Place) -> tuple[Hours, ...]:
    return tuple(dict.fromkeys(item.read(read_hours, _NO_HOURS) for item in place.one_or_many()))


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # A bad key is a KeyError, ValueError or, where it names a directory of the database, an OSError.
        hint = near(text, _zones())
        raise ReadingError(
            "unknown_zone", f"write a time zone of the IANA database, such as Europe/Berlin{hint}"
        ) from None
    return text


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


def _holidays(text: str) -> str:
    if not _HOLIDAYS.fullmatch(text):
        raise ReadingError("malformed_holidays", "write a country, or a country and a region, such as DE or DE-BE")
    return text


def _override(place: Place) -> Override:
    names = ("from", "until", "open")
    fields = place.table(names, required=names)
    if len(fields) < len(names):
        return Override(start=datetime.min, end=datetime.min, open=False)
    start, end = fields["from"].moment(local=True), fields["until"].moment(local=True)
    if end <= start and datetime.min not in (start, end):
        fields["until"].wrong("out_of_range", "an override ends after it begins")
    return Override(start=start, end=end, open=fields["open"].truth())


def _expectation(place: Place) -> Expectation:
    fields = place.table(("name", "call", "then", "rule"), required=("name", "call"))
    if "then" not in fields and "rule" not in fields:
        place.wrong("missing_field", "say what is expected: then, rule or both")
    return Expectation(
        name=fields["name"].text() if "name" in fields else "",
        call=_call(fields["call"]) if "call" in fields else ExpectedCall(),
        then=read_decision(fields["then"]) if "then" in fields else None,
        rule=fields["rule"].read(slug, "") if "rule" in fields else None,
    )


def _call(place: Place) -> ExpectedCall:
    fields = place.table(_CALL_FIELDS)
    return ExpectedCall(
        called=fields["called"].text() if "called" in fields else "",
        caller=fields["caller"].text() if "caller" in fields else "",
        headers=_headers(fields["headers"]) if "headers" in fields else (),
        at=fields["at"].moment(local=False) if "at" in fields else None,
        endpoint=fields["endpoint"].read(slug, "") if "endpoint" in fields else None,
        media=fields["media"].text() if "media" in fields else None,
        attestation=fields["attestation"].choice(ATTESTATIONS) if "attestation" in fields else None,
    )


def _headers(place: Place) -> tuple[tuple[str, str], ...]:
    """Headers as a table of texts or lists of texts, repeats side by side; or as a list of names and values."""
    if isinstance(place.value, list):
        tables = [header.table(_HEADER_FIELDS, required=_HEADER_FIELDS) for header in place.items()]
        return tuple((header["name"].text(), header["value"].text()) for header in tables if len(header) == 2)
    pairs: list[tuple[str, str]] = []
    for name, value in place.members().items():
        pairs.extend((name, item.text()) for item in value.one_or_many())
    return tuple(pairs)
