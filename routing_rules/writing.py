"""Writing a rulebook as a plain document, in one canonical form: short where short says all, empty fields left off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from routing_rules.calendars import Calendar, Override
from routing_rules.conditions import (
    ActiveBelow,
    Condition,
    During,
    FactIs,
    HeaderIs,
    NumberIs,
    RateBelow,
    Share,
)
from routing_rules.rule import Accept, Decision, Ignore, Refer, Rule
from routing_rules.rulebook import Expectation, ExpectedCall, Rulebook


def write_document(rulebook: Rulebook) -> dict[str, Any]:
    """The rulebook as a document of JSON's types. `read_document` gives back an equal rulebook."""
    document: dict[str, Any] = {
        "profiles": {name: _plain(profile) for name, profile in rulebook.profiles.items()},
        "calendars": {name: write_calendar(calendar) for name, calendar in rulebook.calendars.items()},
        "lists": {name: list(entries) for name, entries in rulebook.lists.items()},
        "rules": [write_rule(rule) for rule in rulebook.rules],
        "default": write_decision(rulebook.default),
    }
    if rulebook.expect:
        document["expect"] = [_expectation(expectation) for expectation in rulebook.expect]
    if rulebook.managed_by is not None:
        document["managed_by"] = rulebook.managed_by
    return document


def write_rule(rule: Rule) -> dict[str, Any]:
    """One rule as in the document's `rules`."""
    written: dict[str, Any] = {"id": rule.id}
    if rule.note:
        written["note"] = rule.note
    if not rule.enabled:
        written["enabled"] = False
    if rule.when:
        written["when"] = _conditions(rule.when)
    if rule.unless:
        written["unless"] = _conditions(rule.unless)
    return written | {"then": write_decision(rule.then)}


def write_decision(decision: Decision) -> dict[str, Any]:
    """One decision as in a rule's `then`."""
    if isinstance(decision, Ignore):
        return {"ignore": True}
    if isinstance(decision, Accept):
        written: dict[str, Any] = {"accept": _accept(decision)}
    elif isinstance(decision, Refer):
        written = {"refer": _refer(decision)}
    else:
        written = {"reject": decision.status}
    if decision.fallback is not None:
        written["fallback"] = write_decision(decision.fallback)
    return written


def write_calendar(calendar: Calendar) -> dict[str, Any]:
    """One calendar as in the document's `calendars`."""
    return _filled(
        zone=calendar.zone,
        open=[str(hours) for hours in calendar.open],
        closed_on=[day.isoformat() for day in calendar.closed_on],
        holidays=calendar.holidays,
        overrides=[_override(override) for override in calendar.overrides],
    )


def _override(override: Override) -> dict[str, Any]:
    return {"from": override.start.isoformat(), "until": override.end.isoformat(), "open": override.open}


def _accept(accept: Accept) -> str | dict[str, Any]:
    written = _filled(
        profile=accept.profile,
        instructions=accept.instructions,
        greeting=accept.greeting,
        max_seconds=accept.max_seconds,
    )
    if accept.metadata is not None:
        written["metadata"] = dict(accept.metadata)
    return written if len(written) > 1 else accept.profile


def _refer(refer: Refer) -> str | list[str] | dict[str, Any]:
    to = _one_or_many(refer.to)
    return to if refer.profile is None else {"to": to, "profile": refer.profile}


def _conditions(conditions: Iterable[Condition]) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for condition in conditions:
        if isinstance(condition, HeaderIs):
            written.setdefault("header", {})[condition.header] = _one_or_many(condition.patterns)
        else:
            written[condition.name] = _condition(condition)
    return written


def _condition(condition: NumberIs | FactIs | During | Share | ActiveBelow | RateBelow) -> Any:
    if isinstance(condition, NumberIs):
        return _one_or_many(condition.patterns)
    if isinstance(condition, FactIs):
        return _one_or_many(condition.values)
    if isinstance(condition, During):
        return _one_or_many(condition.calendars)
    if isinstance(condition, Share):
        return int(condition.percent) if condition.percent == int(condition.percent) else condition.percent
    if isinstance(condition, ActiveBelow):
        return condition.calls
    return {"per": condition.per, "calls": condition.calls, "seconds": condition.seconds}


def _expectation(expectation: Expectation) -> dict[str, Any]:
    written: dict[str, Any] = {"name": expectation.name, "call": _call(expectation.call)}
    if expectation.then is not None:
        written["then"] = write_decision(expectation.then)
    if expectation.rule is not None:
        written["rule"] = expectation.rule
    return written


def _call(call: ExpectedCall) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in call.headers:
        headers.setdefault(name, []).append(value)
    return _filled(
        called=call.called,
        caller=call.caller,
        headers={name: _one_or_many(values) for name, values in headers.items()},
        at=call.at.isoformat() if call.at else None,
        endpoint=call.endpoint,
        media=call.media,
        attestation=call.attestation,
    )


def _one_or_many(values: Sequence[object]) -> Any:
    written = [str(value) for value in values]
    return written[0] if len(written) == 1 else written


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
