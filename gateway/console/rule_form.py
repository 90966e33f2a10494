"""A rule as a form: what its fields hold, and what they make of it.

The form knows the whole vocabulary of conditions. What it has no field for, a fallback of a fallback or metadata, it
keeps as it was. Whatever is typed goes into the rule as it is, so that the rulebook's own reader says what is wrong
with it, at the field that it is about.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from routing_rules import Problem

_Object = dict[str, Any]
Sent = Mapping[str, Sequence[str]]

SIDES: Final = ("when", "unless")

# Conditions that hold for any of several values, one a line.
LISTS: Final = ("called", "caller", "country", "endpoint", "media", "attestation", "during")
NUMBERS: Final = ("share", "active_below")
RATE: Final = ("per", "calls", "seconds")

ACCEPT_TEXTS: Final = ("instructions", "greeting")


def fields_of(rule: Mapping[str, Any]) -> _Object:
    """What the form's fields hold for a rule: texts, and for headers a list of pairs."""
    said: _Object = {
        "id": str(rule.get("id", "")),
        "note": str(rule.get("note", "")),
        "enabled": rule.get("enabled", True) is not False,
    }
    for side in SIDES:
        conditions = rule.get(side) or {}
        for name in LISTS:
            said[f"{side}.{name}"] = "\n".join(_texts(conditions.get(name)))
        for name in NUMBERS:
            said[f"{side}.{name}"] = "" if conditions.get(name) is None else str(conditions[name])
        rate = conditions.get("rate_below") or {}
        for name in RATE:
            said[f"{side}.rate_below.{name}"] = str(rate.get(name, ""))
        headers = conditions.get("header") or {}
        said[f"{side}.header"] = [(header, value) for header, values in headers.items() for value in _texts(values)]
    return said | _decision_fields(rule.get("then") or {})


def _decision_fields(then: Mapping[str, Any]) -> _Object:
    kind = next((kind for kind in ("accept", "reject", "refer", "ignore") if kind in then), "accept")
    accept = then.get("accept")
    accept = accept if isinstance(accept, dict) else {"profile": accept}
    refer = then.get("refer")
    refer = refer if isinstance(refer, dict) else {"to": refer}
    status = then.get("reject")
    status = status.get("status", 603) if isinstance(status, dict) else status
    fallback = then.get("fallback")
    fallback_kind, fallback_status = "", ""
    if fallback is not None:
        plain = set(fallback) == {"reject"} and isinstance(fallback["reject"], int)
        fallback_kind, fallback_status = ("reject", str(fallback["reject"])) if plain else ("kept", "")
    return {
        "kind": kind,
        "profile": str(accept.get("profile") or ""),
        **{name: str(accept.get(name) or "") for name in ACCEPT_TEXTS},
        "max_seconds": str(accept.get("max_seconds") or ""),
        "status": str(status or 603),
        "to": "\n".join(_texts(refer.get("to"))),
        "refer_profile": str(refer.get("profile") or ""),
        "fallback": fallback_kind,
        "fallback_status": fallback_status,
    }


def rule_of(sent: Sent, kept: Mapping[str, Any]) -> _Object:
    """The rule that the form's fields make; `kept` is the rule as it was."""
    rule: _Object = {"id": _one(sent, "id")}
    if note := _one(sent, "note"):
        rule["note"] = note
    if "enabled" not in sent:
        rule["enabled"] = False
    for side in SIDES:
        if conditions := _conditions(sent, side):
            rule[side] = conditions
    return rule | {"then": _decision(sent, kept.get("then") or {})}


def _conditions(sent: Sent, side: str) -> _Object:
    conditions: _Object = {}
    for name in LISTS:
        if values := _lines(sent.get(f"{side}.{name}", ())):
            conditions[name] = _one_or_many(values)
    headers: dict[str, list[str]] = {}
    pairs = zip(sent.get(f"{side}.header.name", ()), sent.get(f"{side}.header.value", ()), strict=False)
    for header, value in pairs:
        if header.strip():
            headers.setdefault(header.strip(), []).append(value.strip())
    if headers:
        conditions["header"] = {header: _one_or_many(values) for header, values in headers.items()}
    for name in NUMBERS:
        if text := _one(sent, f"{side}.{name}"):
            conditions[name] = _number(text)
    calls, seconds = _one(sent, f"{side}.rate_below.calls"), _one(sent, f"{side}.rate_below.seconds")
    if calls or seconds:
        per = _one(sent, f"{side}.rate_below.per") or "caller"
        conditions["rate_below"] = {"per": per, "calls": _number(calls), "seconds": _number(seconds)}
    return conditions


def _decision(sent: Sent, kept: Mapping[str, Any]) -> _Object:
    kind = _one(sent, "kind")
    if kind == "accept":
        then: _Object = {"accept": _accept(sent, kept.get("accept"))}
    elif kind == "refer":
        to = _one_or_many(_lines(sent.get("to", ())))
        profile = _one(sent, "refer_profile")
        then = {"refer": {"to": to, "profile": profile} if profile else to}
    elif kind == "reject":
        then = {"reject": _number(_one(sent, "status") or "603")}
    else:
        return {"ignore": True}
    fallback = _one(sent, "fallback")
    if fallback == "reject" and kind != "reject":
        then["fallback"] = {"reject": _number(_one(sent, "fallback_status") or "503")}
    elif fallback == "kept" and "fallback" in kept:
        then["fallback"] = kept["fallback"]
    return then


def _accept(sent: Sent, kept: Any) -> Any:
    accept: _Object = {"profile": _one(sent, "profile")}
    for name in ACCEPT_TEXTS:
        if text := _one(sent, name):
            accept[name] = text
    if text := _one(sent, "max_seconds"):
        accept["max_seconds"] = _number(text)
    if isinstance(kept, dict) and "metadata" in kept:
        accept["metadata"] = kept["metadata"]
    return accept if len(accept) > 1 else accept["profile"]


def field_of(problem: Problem) -> str:
    """The field that a problem of the rule is about; empty for the rule as a whole."""
    side, _, rest = problem.pointer.removeprefix("/").partition("/")
    if side in SIDES:
        name = rest.partition("/")[0]
        return f"{side}.{name}" if name else side
    if side == "then":
        what, _, inner = rest.partition("/")
        if what == "accept":
            return inner.partition("/")[0] or "profile"
        if what == "refer":
            return "refer_profile" if inner == "profile" else "to"
        return {"reject": "status", "fallback": "fallback"}.get(what, "kind")
    return side if side in ("id", "note") else ""


def mistakes_of(problems: Iterable[Problem]) -> dict[str, str]:
    """The first mistake of each field."""
    told: dict[str, str] = {}
    for problem in problems:
        told.setdefault(field_of(problem), problem.detail)
    return told


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _one(sent: Sent, name: str) -> str:
    values = sent.get(name, ())
    return values[0].strip() if values else ""


def _lines(values: Sequence[str]) -> list[str]:
    return [line.strip() for value in values for line in value.splitlines() if line.strip()]


def _one_or_many(values: Sequence[str]) -> Any:
    return values[0] if len(values) == 1 else list(values)


def _number(text: str) -> Any:
    """The number that a text is; else the text, which the reader refuses with the reason."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
